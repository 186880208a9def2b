-- One kind of request, over and over: <token> <method> <path> [body].
-- A # in the path counts up from the number that follows it: each request gets the next task.
local method, before, number, after, headers, body

function init(args)
  headers = { ["Authorization"] = "Bearer " .. args[1], ["Content-Type"] = "application/json" }
  method, body = args[2], args[4]
  before, number, after = args[3]:match("^(.-)#(%d+)(.*)$")
  before = before or args[3]
end

function request()
  local path = before
  if number then
    path = string.format("%s%d%s", before, number, after)
    number = number + 1
  end
  return wrk.format(method, path, headers, body)
end

function done(summary, latency, requests)
  local errors = summary.errors
  print(string.format(
    '{"requests": %d, "seconds": %f, "p50": %f, "p99": %f, "failed": %d}',
    summary.requests, summary.duration / 1e6,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    errors.status + errors.connect + errors.read + errors.write + errors.timeout
  ))
end
