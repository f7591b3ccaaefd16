// Writes one call as a line, in either format, without an allocation.

#include "server/proxy/access_record.h"

#include <charconv>
#include <cstring>

namespace singleflight::proxy {
namespace {

constexpr char kHexDigits[] = "0123456789abcdef";

// Whether a byte is written as it is, in both formats: a value holds no space and nothing that a
// quoted string would end with.
constexpr bool IsPlain(char c) { return c > ' ' && c < 0x7f && c != '"' && c != '\\'; }

char* Write(absl::string_view text, char* out) {
  std::memcpy(out, text.data(), text.size());
  return out + text.size();
}

char* WriteNumber(uint64_t number, char* out) {
  constexpr size_t kMostDigits = 20;
  return std::to_chars(out, out + kMostDigits, number).ptr;
}

// As JSON writes a character, so that there is one rule for both formats.
char* WriteEscaped(char c, char* out) {
  const auto byte = static_cast<unsigned char>(c);
  out = Write("\\u00", out);
  *out++ = kHexDigits[byte >> 4];
  *out++ = kHexDigits[byte & 15];
  return out;
}

char* WriteText(absl::string_view text, char* out) {
  for (const char c : text.substr(0, kLongestAccessText)) {
    if (IsPlain(c)) {
      *out++ = c;
    } else {
      out = WriteEscaped(c, out);
    }
  }
  return out;
}

char* WriteHex(uint64_t number, char* out) {
  for (int shift = 60; shift >= 0; shift -= 4) *out++ = kHexDigits[number >> shift & 15];
  return out;
}

// What stands between fields: name=value name=value …
struct TextForm {
  static constexpr absl::string_view kBegin = "";
  static constexpr absl::string_view kAfterTime = "";
  static constexpr absl::string_view kBeforeName = " ";
  static constexpr absl::string_view kAfterName = "=";
  static constexpr absl::string_view kQuote = "";
  static constexpr absl::string_view kEnd = "\n";
};

// {"time":"…","name":"value","name":1}
struct JsonForm {
  static constexpr absl::string_view kBegin = "{\"time\":\"";
  static constexpr absl::string_view kAfterTime = "\"";
  static constexpr absl::string_view kBeforeName = ",\"";
  static constexpr absl::string_view kAfterName = "\":";
  static constexpr absl::string_view kQuote = "\"";
  static constexpr absl::string_view kEnd = "}\n";
};

template <typename Form>
class Line {
 public:
  explicit Line(char* out) : out_(out) {}

  void Time(absl::string_view time) {
    out_ = Write(Form::kBegin, out_);
    out_ = Write(time, out_);
    out_ = Write(Form::kAfterTime, out_);
  }
  void Text(absl::string_view name, absl::string_view value) {
    if (value.empty()) return;
    Name(name);
    Quote();
    out_ = WriteText(value, out_);
    Quote();
  }
  void Number(absl::string_view name, uint64_t value) {
    Name(name);
    out_ = WriteNumber(value, out_);
  }
  void Hex(absl::string_view name, uint64_t value) {
    Name(name);
    Quote();
    out_ = WriteHex(value, out_);
    Quote();
  }
  char* End() { return Write(Form::kEnd, out_); }

 private:
  void Name(absl::string_view name) {
    out_ = Write(Form::kBeforeName, out_);
    out_ = Write(name, out_);
    out_ = Write(Form::kAfterName, out_);
  }
  void Quote() { out_ = Write(Form::kQuote, out_); }

  char* out_;
};

template <typename Form>
char* WriteFields(const AccessRecord& call, char* out) {
  Line<Form> line(out);
  line.Time(call.time);
  line.Text("route", call.route);
  line.Text("method", call.method);
  line.Text("role", call.role);
  line.Text("code", call.code);
  line.Number("duration_us", call.duration_us);
  line.Number("received", call.received);
  line.Number("sent", call.sent);
  line.Text("upstream", call.upstream);
  line.Text("endpoint", call.endpoint);
  line.Text("peer", call.peer);
  if (call.key.has_value()) line.Hex("key", static_cast<uint64_t>(*call.key));
  line.Text("trace", call.trace);
  line.Text("leader", call.leader);
  return line.End();
}

}  // namespace

char* WriteAccessLine(AccessLogFormat format, const AccessRecord& record, char* out) {
  return format == AccessLogFormat::kJson ? WriteFields<JsonForm>(record, out)
                                          : WriteFields<TextForm>(record, out);
}

}  // namespace singleflight::proxy
