CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.{name}{on_cluster} TO {database}.otel_logs_kv_rollup_15m
AS SELECT
    toStartOfFifteenMinutes(Timestamp) AS Timestamp,
    'NativeColumn' AS ColumnIdentifier,
    native.1 AS Key,
    native.2 AS Value,
    count() AS count
FROM {database}.otel_logs
ARRAY JOIN [
    ('SeverityText', CAST(SeverityText, 'String')),
    ('ServiceName', CAST(ServiceName, 'String')),
    ('ScopeName', ScopeName),
    ('ScopeVersion', CAST(ScopeVersion, 'String')),
    ('ResourceSchemaUrl', CAST(ResourceSchemaUrl, 'String')),
    ('ScopeSchemaUrl', CAST(ScopeSchemaUrl, 'String')),
    ('__hdx_materialized_k8s.cluster.name', CAST(`__hdx_materialized_k8s.cluster.name`, 'String')),
    ('__hdx_materialized_k8s.container.name', CAST(`__hdx_materialized_k8s.container.name`, 'String')),
    ('__hdx_materialized_k8s.deployment.name', CAST(`__hdx_materialized_k8s.deployment.name`, 'String')),
    ('__hdx_materialized_k8s.namespace.name', CAST(`__hdx_materialized_k8s.namespace.name`, 'String')),
    ('__hdx_materialized_k8s.node.name', CAST(`__hdx_materialized_k8s.node.name`, 'String')),
    ('__hdx_materialized_k8s.pod.name', CAST(`__hdx_materialized_k8s.pod.name`, 'String')),
    ('__hdx_materialized_k8s.pod.uid', CAST(`__hdx_materialized_k8s.pod.uid`, 'String')),
    ('__hdx_materialized_deployment.environment.name', CAST(`__hdx_materialized_deployment.environment.name`, 'String'))
] AS native
GROUP BY Timestamp, ColumnIdentifier, Key, Value
