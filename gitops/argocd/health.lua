-- Health of a ClickStackCollector for Argo CD; see ../README.md for where to put it.
--
-- Healthy: Ready of this generation. Degraded: waits for a person, or something is wrong and it is not Ready. A
-- collector that is Ready while ClickHouse is away stays Healthy, because senders keep what it cannot store; its
-- message says so.
local health = {status = "Progressing", message = "the operator has not looked at this generation yet"}
if obj.status == nil or obj.status.conditions == nil then
  return health
end
if obj.status.observedGeneration ~= nil and obj.status.observedGeneration < obj.metadata.generation then
  return health
end
local is = {}
for _, condition in ipairs(obj.status.conditions) do
  is[condition.type] = condition
end
local function holds(name)
  return is[name] ~= nil and is[name].status == "True"
end
if holds("Stalled") then
  return {status = "Degraded", message = is.Stalled.message}
end
if holds("Ready") then
  health.status = "Healthy"
  health.message = is.Ready.message
  if holds("Degraded") then
    health.message = is.Degraded.message
  end
  return health
end
if holds("Degraded") then
  return {status = "Degraded", message = is.Degraded.message}
end
if is.Ready ~= nil then
  health.message = is.Ready.message
end
return health
