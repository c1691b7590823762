CREATE TABLE IF NOT EXISTS {database}.{name}{on_cluster}
(
    `Timestamp` DateTime64(9) CODEC(Delta(8), ZSTD(1)),
    /* only hyperdx_sessions */ `TimestampTime` DateTime DEFAULT toDateTime(Timestamp),
    `TraceId` String CODEC(ZSTD(1)),
    `SpanId` String CODEC(ZSTD(1)),
    `TraceFlags` UInt8,
    `SeverityText` LowCardinality(String) CODEC(ZSTD(1)),
    `SeverityNumber` UInt8,
    `ServiceName` LowCardinality(String) CODEC(ZSTD(1)),
    `Body` String CODEC(ZSTD(1)),
    `ResourceSchemaUrl` LowCardinality(String) CODEC(ZSTD(1)),
    `ResourceAttributes` Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    `ScopeSchemaUrl` LowCardinality(String) CODEC(ZSTD(1)),
    `ScopeName` String CODEC(ZSTD(1)),
    `ScopeVersion` LowCardinality(String) CODEC(ZSTD(1)),
    `ScopeAttributes` Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    `LogAttributes` Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    /* only otel_logs */ `EventName` String CODEC(ZSTD(1)),
    /* only otel_logs */ `__hdx_materialized_k8s.cluster.name` LowCardinality(String) MATERIALIZED ResourceAttributes['k8s.cluster.name'] CODEC(ZSTD(1)),
    /* only otel_logs */ `__hdx_materialized_k8s.container.name` LowCardinality(String) MATERIALIZED ResourceAttributes['k8s.container.name'] CODEC(ZSTD(1)),
    /* only otel_logs */ `__hdx_materialized_k8s.deployment.name` LowCardinality(String) MATERIALIZED ResourceAttributes['k8s.deployment.name'] CODEC(ZSTD(1)),
    /* only otel_logs */ `__hdx_materialized_k8s.namespace.name` LowCardinality(String) MATERIALIZED ResourceAttributes['k8s.namespace.name'] CODEC(ZSTD(1)),
    /* only otel_logs */ `__hdx_materialized_k8s.node.name` LowCardinality(String) MATERIALIZED ResourceAttributes['k8s.node.name'] CODEC(ZSTD(1)),
    /* only otel_logs */ `__hdx_materialized_k8s.pod.name` LowCardinality(String) MATERIALIZED ResourceAttributes['k8s.pod.name'] CODEC(ZSTD(1)),
    /* only otel_logs */ `__hdx_materialized_k8s.pod.uid` LowCardinality(String) MATERIALIZED ResourceAttributes['k8s.pod.uid'] CODEC(ZSTD(1)),
    /* only otel_logs */ `__hdx_materialized_deployment.environment.name` LowCardinality(String) MATERIALIZED ResourceAttributes['deployment.environment.name'] CODEC(ZSTD(1)),
    /* only text */ `ResourceAttributeItems` Array(String) ALIAS arrayMap(arr -> concat(arr.1, '=', arr.2), CAST(ResourceAttributes, 'Array(Tuple(String, String))')),
    /* only text */ `ScopeAttributeItems` Array(String) ALIAS arrayMap(arr -> concat(arr.1, '=', arr.2), CAST(ScopeAttributes, 'Array(Tuple(String, String))')),
    /* only text */ `LogAttributeItems` Array(String) ALIAS arrayMap(arr -> concat(arr.1, '=', arr.2), CAST(LogAttributes, 'Array(Tuple(String, String))')),
    /* only text */ INDEX idx_trace_id TraceId TYPE text(tokenizer = 'array') GRANULARITY 100000000,
    /* only text */ INDEX idx_res_attr_key mapKeys(ResourceAttributes) TYPE text(tokenizer = 'array') GRANULARITY 100000000,
    /* only text */ INDEX idx_scope_attr_key mapKeys(ScopeAttributes) TYPE text(tokenizer = 'array') GRANULARITY 100000000,
    /* only text */ INDEX idx_log_attr_key mapKeys(LogAttributes) TYPE text(tokenizer = 'array') GRANULARITY 100000000,
    /* only text */ INDEX idx_res_attr_items ResourceAttributeItems TYPE text(tokenizer = 'array') GRANULARITY 100000000,
    /* only text */ INDEX idx_scope_attr_items ScopeAttributeItems TYPE text(tokenizer = 'array') GRANULARITY 100000000,
    /* only text */ INDEX idx_log_attr_items LogAttributeItems TYPE text(tokenizer = 'array') GRANULARITY 100000000,
    /* only text */ INDEX idx_lower_body lower(Body) TYPE text(tokenizer = 'splitByNonAlpha') GRANULARITY 100000000
    /* only bloom */ INDEX idx_trace_id TraceId TYPE bloom_filter(0.001) GRANULARITY 1,
    /* only bloom */ INDEX idx_res_attr_key mapKeys(ResourceAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    /* only bloom */ INDEX idx_res_attr_value mapValues(ResourceAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    /* only bloom */ INDEX idx_scope_attr_key mapKeys(ScopeAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    /* only bloom */ INDEX idx_scope_attr_value mapValues(ScopeAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    /* only bloom */ INDEX idx_log_attr_key mapKeys(LogAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    /* only bloom */ INDEX idx_log_attr_value mapValues(LogAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    /* only bloom */ INDEX idx_lower_body lower(Body) TYPE tokenbf_v1(32768, 3, 0) GRANULARITY 8
)
ENGINE = {engine}
/* only otel_logs */ PARTITION BY toDate(Timestamp)
/* only otel_logs */ ORDER BY (toStartOfFiveMinutes(Timestamp), ServiceName, Timestamp)
/* only otel_logs */ TTL toDateTime(Timestamp) + {retention}
/* only hyperdx_sessions */ PARTITION BY toDate(TimestampTime)
/* only hyperdx_sessions */ PRIMARY KEY (ServiceName, TimestampTime)
/* only hyperdx_sessions */ ORDER BY (ServiceName, TimestampTime, Timestamp)
/* only hyperdx_sessions */ TTL TimestampTime + {retention}
SETTINGS index_granularity = 8192, ttl_only_drop_parts = 1{deduplication}
/* only otel_logs */ , enable_block_number_column = 1, enable_block_offset_column = 1
