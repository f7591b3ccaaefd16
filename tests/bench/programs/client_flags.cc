// The command line of bench-client: its modes, and which flag goes with which.

#include "tests/bench/programs/client_flags.h"

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/reflection.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/time.h"

ABSL_FLAG(std::string, target, "", "host:port of the server");
ABSL_FLAG(std::string, mode, "",
          "herd, fanout: all at once; flight: --waves of that; load, many: closed loop; latency: "
          "closed loop, or fixed --rate; stream: a stream of messages; idle: hold connections");
ABSL_FLAG(bool, json, false, "one JSON object instead of lines");
ABSL_FLAG(absl::Duration, timeout, absl::Seconds(30), "bounds the run, beyond its --seconds");
ABSL_FLAG(int, connections, 1, "how many connections");
ABSL_FLAG(int, streams, 1, "concurrent calls of each connection");
ABSL_FLAG(std::string, path, "", "method to call; default /bench.Bench/Get, or as the mode needs");
ABSL_FLAG(uint32_t, request_bytes, 50, "bytes of a request's message");
ABSL_FLAG(uint32_t, reply_bytes, 100, "bytes that a reply's message must have");
ABSL_FLAG(std::string, key, "", "what requests begin with: another key is another request");
ABSL_FLAG(uint64_t, distinct, 1, "load, many, latency: so many requests, KEY-0 and on, in turn");
ABSL_FLAG(uint64_t, waves, 1, "flight: how many waves, each with a key of its own");
ABSL_FLAG(uint64_t, calls, 0, "load, many, latency: how many; idle: 1: one on each connection");
ABSL_FLAG(double, seconds, 0, "load, many, latency, stream: for how long, instead of a number");
ABSL_FLAG(uint64_t, warmup, 0, "load, many, latency: so many calls before the count begins");
ABSL_FLAG(double, rate, 0, "latency: calls a second, whatever becomes of them");
ABSL_FLAG(absl::Duration, deadline, absl::ZeroDuration(), "latency --rate: of each call, if not 0");
ABSL_FLAG(bool, echo, false, "latency --rate: replies must be what was asked with");
ABSL_FLAG(uint64_t, messages, 0, "stream: how many messages the stream has");
ABSL_FLAG(uint32_t, message_bytes, 65536, "stream: bytes of each message");
ABSL_FLAG(bool, upload, false, "stream: from the client to the server");
ABSL_FLAG(bool, waiting, false, "idle: leave --streams calls without a reply on each connection");
ABSL_FLAG(uint32_t, stream_window_bytes, 16 << 20, "flow control: window of each stream");
ABSL_FLAG(int32_t, connection_window_bytes, 1 << 30, "flow control: window of each connection");

namespace singleflight::bench {
namespace {

constexpr std::initializer_list<absl::string_view> kEveryMode = {"target",
                                                                 "mode",
                                                                 "json",
                                                                 "timeout",
                                                                 "connections",
                                                                 "path",
                                                                 "stream_window_bytes",
                                                                 "connection_window_bytes"};

struct Mode {
  absl::string_view name;
  Report (*run)(Client&, const Work&);
  std::vector<absl::string_view> flags;  // beyond those of every mode
};

std::vector<Mode> Modes() {
  const std::vector<absl::string_view> wave = {"streams", "request_bytes", "reply_bytes", "key"};
  const std::vector<absl::string_view> loop = {
      "streams", "request_bytes", "reply_bytes", "key", "distinct", "calls", "seconds", "warmup"};
  return {
      {"herd", RunWaves, wave},
      {"fanout", RunWaves, wave},
      {"flight", RunWaves, {"streams", "request_bytes", "reply_bytes", "key", "waves"}},
      {"load", RunClosedLoop, loop},
      {"many", RunClosedLoop, loop},
      {"latency", RunClosedLoop, loop},
      {"latency --rate",
       RunOpenLoop,
       {"request_bytes", "reply_bytes", "key", "distinct", "calls", "seconds", "rate", "deadline",
        "echo"}},
      {"stream", RunStreams, {"seconds", "messages", "message_bytes", "upload"}},
      {"idle", RunIdle, {"streams", "request_bytes", "reply_bytes", "key", "calls", "waiting"}},
  };
}

// The flags of bench-client are those of this program that are declared in this file.
bool Ours(const absl::CommandLineFlag& flag) {
  return flag.Filename().find("client_flags.cc") != std::string::npos;
}

absl::Status NothingIgnored(const Mode& mode) {
  for (const auto& [name, flag] : absl::GetAllFlags()) {
    const bool given = Ours(*flag) && flag->CurrentValue() != flag->DefaultValue();
    const auto has = [&name = name](const auto& names) {
      return std::find(names.begin(), names.end(), name) != names.end();
    };
    if (given && !has(kEveryMode) && !has(mode.flags)) {
      return absl::InvalidArgumentError(absl::StrCat("--", absl::StrReplaceAll(name, {{"_", "-"}}),
                                                     " does not go with --mode=", mode.name));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<Mode> ModeFromFlags() {
  std::string name = absl::GetFlag(FLAGS_mode);
  if (name == "latency" && absl::GetFlag(FLAGS_rate) > 0) name = "latency --rate";
  for (const Mode& mode : Modes()) {
    if (mode.name != name) continue;
    const absl::Status status = NothingIgnored(mode);
    if (!status.ok()) return status;
    return mode;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("--mode=", name, ": herd, fanout, flight, load, many, latency, stream or idle"));
}

// What makes no sense, whatever the mode; nullptr if it does.
const char* Nonsense() {
  const double seconds = absl::GetFlag(FLAGS_seconds);
  if (absl::GetFlag(FLAGS_connections) < 1) return "--connections: at least 1";
  if (absl::GetFlag(FLAGS_streams) < 1) return "--streams: at least 1";
  if (absl::GetFlag(FLAGS_waves) < 1) return "--waves: at least 1";
  if (absl::GetFlag(FLAGS_distinct) < 1) return "--distinct: at least 1";
  if (seconds < 0 || seconds > 86400) return "--seconds: 0 to 86400";
  if (absl::GetFlag(FLAGS_rate) < 0) return "--rate: not negative";
  const absl::Duration deadline = absl::GetFlag(FLAGS_deadline);
  if (deadline != absl::ZeroDuration() &&
      (deadline < absl::Milliseconds(1) || deadline > absl::Hours(24))) {
    return "--deadline: 1ms to 24h, or 0 for none";
  }
  if (absl::GetFlag(FLAGS_stream_window_bytes) > INT32_MAX) return "--stream-window-bytes: too big";
  if (absl::GetFlag(FLAGS_connection_window_bytes) < 65535) {
    return "--connection-window-bytes: at least 65535, where HTTP/2 begins";
  }
  return nullptr;
}

// What this mode cannot do.
const char* Unsuitable(const Mode& mode) {
  const bool timed = absl::GetFlag(FLAGS_seconds) > 0;
  const uint64_t calls = absl::GetFlag(FLAGS_calls);
  if (mode.run == RunClosedLoop || mode.run == RunOpenLoop) {
    if (timed == (calls > 0)) return "either --calls or --seconds";
  }
  if (mode.run == RunStreams && timed == (absl::GetFlag(FLAGS_messages) > 0)) {
    return "either --messages or --seconds";
  }
  if (mode.run == RunIdle && calls > 1) return "--calls: 0 or 1 with --mode=idle";
  if (mode.run == RunIdle && absl::GetFlag(FLAGS_streams) > 1 && !absl::GetFlag(FLAGS_waiting)) {
    return "--streams: with --mode=idle only if they are --waiting";
  }
  return nullptr;
}

std::string PathOf(const Mode& mode) {
  std::string path = absl::GetFlag(FLAGS_path);
  if (!path.empty()) return path;
  if (mode.run != RunStreams) return "/bench.Bench/Get";
  return absl::GetFlag(FLAGS_upload) ? "/bench.Bench/Upload" : "/bench.Bench/Download";
}

Nanos FromSeconds(double seconds) { return static_cast<Nanos>(seconds * 1e9); }

ClientOptions ClientFromFlags(const Mode& mode) {
  ClientOptions options;
  options.target = absl::GetFlag(FLAGS_target);
  options.connection.authority = options.target;
  options.connection.path = PathOf(mode);
  options.connection.stream_window = absl::GetFlag(FLAGS_stream_window_bytes);
  options.connection.connection_window = absl::GetFlag(FLAGS_connection_window_bytes);
  if (const int64_t millis = absl::ToInt64Milliseconds(absl::GetFlag(FLAGS_deadline)); millis > 0) {
    options.connection.timeout = absl::StrCat(millis, "m");
  }
  options.connections = absl::GetFlag(FLAGS_connections);
  options.streams = absl::GetFlag(FLAGS_streams);
  const absl::Duration bound =
      absl::GetFlag(FLAGS_timeout) + absl::Seconds(absl::GetFlag(FLAGS_seconds));
  options.deadline = Now() + absl::ToInt64Nanoseconds(std::min(bound, absl::Hours(48)));
  return options;
}

Work WorkFromFlags(Requests requests) {
  return {
      .requests = std::move(requests),
      .reply = Framed(Pattern(absl::GetFlag(FLAGS_reply_bytes))),
      .echo = absl::GetFlag(FLAGS_echo),
      .calls = absl::GetFlag(FLAGS_calls),
      .warmup = absl::GetFlag(FLAGS_warmup),
      .duration = FromSeconds(absl::GetFlag(FLAGS_seconds)),
      .rate = absl::GetFlag(FLAGS_rate),
      .deadline = absl::ToInt64Nanoseconds(absl::GetFlag(FLAGS_deadline)),
      .messages = absl::GetFlag(FLAGS_messages),
      .stream_message = Framed(Pattern(absl::GetFlag(FLAGS_message_bytes))),
      .upload = absl::GetFlag(FLAGS_upload),
      .waiting = absl::GetFlag(FLAGS_waiting),
  };
}

}  // namespace

absl::StatusOr<Order> OrderFromFlags() {
  const auto mode = ModeFromFlags();
  if (!mode.ok()) return mode.status();
  for (const char* complaint : {Nonsense(), Unsuitable(*mode)}) {
    if (complaint != nullptr) return absl::InvalidArgumentError(complaint);
  }
  const std::string key = absl::GetFlag(FLAGS_key);
  const uint64_t requests = std::max(absl::GetFlag(FLAGS_distinct), absl::GetFlag(FLAGS_waves));
  const uint32_t bytes = absl::GetFlag(FLAGS_request_bytes);
  const uint64_t key_bytes = Requests::KeyBytes(key, requests);
  if (key_bytes > bytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("--request-bytes=", bytes, ": the longest key has ", key_bytes));
  }
  return Order{mode->run, ClientFromFlags(*mode), WorkFromFlags(Requests(key, bytes, requests)),
               absl::GetFlag(FLAGS_json)};
}

}  // namespace singleflight::bench
