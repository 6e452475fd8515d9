-- Clients that think before each request: exponentially distributed, so that they do not march in step.
-- The argument after the URL is the mean, in milliseconds.
local mean_ms

function init(args)
  mean_ms = tonumber(args[1])
end

function delay()
  return math.floor(-math.log(1 - math.random()) * mean_ms + 0.5)
end
