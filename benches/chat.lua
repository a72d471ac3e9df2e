-- Posts one chat request over and over; prints one JSON line with what was measured.
-- Usage: wrk -s chat.lua URL -- KEY MODEL [HEADER=VALUE ...]
function init(arguments)
  local body = '{"model":"' .. arguments[2] .. '","messages":[{"role":"system","content":"You answer for a shop."},' ..
    '{"role":"user","content":"What are your opening hours on Sunday, and do you ship to Norway?"}],"temperature":0.2}'
  local headers = { ["Content-Type"] = "application/json", ["Authorization"] = "Bearer " .. arguments[1] }
  for place = 3, #arguments do
    local name, value = arguments[place]:match("^([^=]+)=(.*)$")
    headers[name] = value
  end
  request_bytes = wrk.format("POST", nil, headers, body)
end

function request()
  return request_bytes
end

function done(summary, latency, requests)
  local failed = summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout
  io.write(string.format(
    '\n{"requests":%d,"seconds":%.6f,"not_2xx":%d,"socket_errors":%d,"p50_ms":%.4f,"p90_ms":%.4f,"p99_ms":%.4f,"max_ms":%.4f}\n',
    summary.requests, summary.duration / 1e6, summary.errors.status, failed,
    latency:percentile(50) / 1000, latency:percentile(90) / 1000, latency:percentile(99) / 1000, latency.max / 1000))
end
