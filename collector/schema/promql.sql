CREATE TABLE IF NOT EXISTS {database}.{name}{on_cluster}
ENGINE = TimeSeries
SETTINGS allow_experimental_time_series_table = 1
