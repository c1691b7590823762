CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.{name}{on_cluster} TO {database}.otel_traces_kv_rollup_15m
AS SELECT
    toStartOfFifteenMinutes(Timestamp) AS Timestamp,
    'NativeColumn' AS ColumnIdentifier,
    native.1 AS Key,
    native.2 AS Value,
    count() AS count
FROM {database}.otel_traces
ARRAY JOIN [
    ('ServiceName', CAST(ServiceName, 'String')),
    ('SpanName', CAST(SpanName, 'String')),
    ('SpanKind', CAST(SpanKind, 'String')),
    ('StatusCode', CAST(StatusCode, 'String')),
    ('ScopeName', ScopeName),
    ('ScopeVersion', ScopeVersion)
] AS native
GROUP BY Timestamp, ColumnIdentifier, Key, Value
