-- One kind of request, over and over: <method> <path> <body or -> <number> <tokens> [header value]...
-- A # in the path and in header values is the number, which counts up with each request. The tokens
-- are separated by commas. The number modulo their count chooses one.
local method, path, body, number, tokens, headers

function init(args)
  method, path, number = args[1], args[2], tonumber(args[4])
  body = args[3] ~= "-" and args[3] or nil
  tokens, headers = {}, {}
  for token in args[5]:gmatch("[^,]+") do
    table.insert(tokens, "Bearer " .. token)
  end
  for at = 6, #args, 2 do
    headers[args[at]] = args[at + 1]
  end
end

function request()
  local counted = string.format("%d", number)
  local sent = { ["Authorization"] = tokens[number % #tokens + 1] }
  sent["Origin"] = "http://localhost:3000" -- as the browser does for a page of another origin
  if body then
    sent["Content-Type"] = "application/json"
  end
  for name, value in pairs(headers) do
    sent[name] = value:gsub("#", counted)
  end
  number = number + 1
  return wrk.format(method, (path:gsub("#", counted)), sent, body)
end

function done(summary, latency, requests)
  local errors = summary.errors
  print(string.format(
    '{"requests": %d, "seconds": %f, "p50": %f, "p99": %f,'
      .. ' "failed": %d, "refused": %d, "timeouts": %d}',
    summary.requests, summary.duration / 1e6,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    errors.status + errors.connect + errors.read + errors.write + errors.timeout,
    errors.status, errors.timeout
  ))
end
