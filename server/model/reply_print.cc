// Prints of replies. A message is taken apart without a schema, so whether bytes are a message
// inside another is a guess: they are if they read as Protobuf and are not plain text. What is
// guessed only says how the part is called. Every value of the message is in some part's digest,
// with its place among the others of its path. So messages that differ have prints that do, but for
// what has no meaning in Protobuf: the order in which fields of different numbers stand, and how
// tags and lengths are written.

#include "server/model/reply_print.h"

#include <xxhash.h>

#include <algorithm>
#include <cstdint>
#include <map>

#include "absl/strings/str_cat.h"
#include "server/model/key_rules.h"
#include "server/wire/message.h"
#include "server/wire/protobuf.h"

namespace singleflight::model {
namespace {

using wire::ProtobufField;
using wire::ProtobufReader;

constexpr int kDeepest = 8;  // messages in messages that are looked into

constexpr absl::string_view kUnsteady[] = {
    "age",
    "cache-status",
    "content-length",
    "grpc-message",
    "grpc-retry-pushback-ms",
    "server-timing",
    "singleflight-cache-control",
    "x-envoy-upstream-service-time",
};

using Digest = uint64_t;

Digest Add(Digest before, absl::string_view bytes) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), before);
}

Digest Add(Digest before, uint64_t number) {
  return XXH3_64bits_withSeed(&number, sizeof(number), before);
}

// The parts of one kind, by name.
class Parts {
 public:
  explicit Parts(absl::string_view rest) : rest_(rest) {}

  void Add(std::string name, Digest place, absl::string_view bytes) {
    const bool room = parts_.size() < ReplyPrinter::kMostParts || parts_.count(name) == 1;
    Digest& digest = parts_[room ? std::move(name) : rest_];
    digest = model::Add(model::Add(digest, place), bytes);
  }

  const std::map<std::string, Digest>& parts() const { return parts_; }

 private:
  const std::string rest_;
  std::map<std::string, Digest> parts_;
};

bool IsText(absl::string_view bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](unsigned char c) {
    return (c >= 0x20 && c != 0x7f) || c == '\n' || c == '\r' || c == '\t';
  });
}

bool LooksLikeMessage(absl::string_view bytes) {
  if (bytes.empty() || IsText(bytes)) return false;
  ProtobufReader reader(bytes);
  ProtobufField field;
  while (reader.Next(&field)) {
  }
  return !reader.malformed();
}

// `path` ends in a point, unless it is empty; `place` says where the message stands among its like.
void AddFields(absl::string_view message, const std::string& path, Digest place, int depth,
               Parts& to) {
  ProtobufReader reader(message);
  ProtobufField field;
  for (std::map<uint32_t, uint64_t> counts; reader.Next(&field);) {
    const std::string own = absl::StrCat(path, field.number);
    const Digest own_place = Add(Add(place, field.number), ++counts[field.number]);
    const bool group = field.type == ProtobufField::Type::kGroup;
    const bool holds = group || (field.type == ProtobufField::Type::kLengthDelimited &&
                                 LooksLikeMessage(field.value));
    const Digest typed = Add(own_place, static_cast<uint64_t>(field.type));
    if (!holds || depth == kDeepest) {
      to.Add(absl::StrCat("message field ", own), typed, field.value);
      continue;
    }
    to.Add(absl::StrCat("message field ", own), typed, "");  // that it is there
    AddFields(field.value, absl::StrCat(own, "."), own_place, depth + 1, to);
  }
}

// The message, if `body` is one and not compressed.
absl::optional<absl::string_view> PlainMessage(absl::string_view body) {
  wire::MessageScanner scanner;
  scanner.Feed(body);
  if (!scanner.ExactlyOne() || body.front() != '\0') return absl::nullopt;
  return body.substr(wire::kMessagePrefixBytes);
}

// What of a Protobuf message counts; nothing: it is none.
absl::optional<std::string> FieldsThatCount(absl::string_view message, const FieldPaths& left_out) {
  if (!left_out.empty()) {
    if (const absl::optional<size_t> size = left_out.SizeWithout(message)) {
      std::string rest(*size, '\0');
      left_out.WriteWithout(message, rest.data());
      return rest;
    }
  }
  if (!message.empty() && !LooksLikeMessage(message)) return absl::nullopt;
  return std::string(message);
}

void AddBody(absl::string_view body, const FieldPaths& left_out, Parts& to) {
  const absl::optional<absl::string_view> message = PlainMessage(body);
  if (message.has_value()) {
    if (const absl::optional<std::string> fields = FieldsThatCount(*message, left_out)) {
      to.Add("message", 1, "");
      return AddFields(*fields, "", 0, 1, to);
    }
  }
  to.Add("message", 0, body);
}

}  // namespace

absl::Span<const absl::string_view> UnsteadyReplyNames() { return kUnsteady; }

ReplyPrinter::ReplyPrinter(const VolatileRules& rules)
    : volatile_names_(rules.metadata.begin(), rules.metadata.end()),
      volatile_fields_(rules.fields) {}

bool ReplyPrinter::Counts(absl::string_view name) const {
  return name != ":status" && name != "grpc-status" && !IsNoise(name) &&
         std::find(std::begin(kUnsteady), std::end(kUnsteady), name) == std::end(kUnsteady) &&
         !volatile_names_.contains(name);
}

Headers ReplyPrinter::Print(const Reply& reply) const {
  Parts metadata("further metadata");
  Parts message("message, further fields");
  const auto add = [&](absl::string_view block_kind, HeadersView block) {
    for (const Field field : block) {
      if (!Counts(field.name)) continue;
      const bool of_first = field.name == "content-type";  // also where there is but one block
      const absl::string_view kind = of_first ? "metadata " : block_kind;
      metadata.Add(absl::StrCat(kind, field.name), field.value.size(), field.value);
    }
  };
  add(reply.trailers_only ? "trailer " : "metadata ", reply.initial);
  add("trailer ", reply.trailing);
  AddBody(reply.body, volatile_fields_, message);
  std::map<std::string, Digest> all = metadata.parts();
  all.insert(message.parts().begin(), message.parts().end());
  const HeadersView last = reply.trailers_only ? reply.initial : reply.trailing;
  all["status"] = Add(Add(0, reply.initial.Find(":status").value_or("")),
                      last.Find("grpc-status").value_or("none"));
  Headers print;
  for (const auto& [name, digest] : all) {
    print.Add(name, absl::string_view(reinterpret_cast<const char*>(&digest), sizeof(digest)));
  }
  return print;
}

std::vector<std::string> PartsThatDiffer(HeadersView a, HeadersView b) {
  std::vector<std::string> names;
  if (a.packed() == b.packed()) return names;
  HeadersView::Iterator at = a.begin(), bt = b.begin();
  const auto note = [&](absl::string_view name) { names.emplace_back(name); };
  while (at != a.end() || bt != b.end()) {
    const bool has_a = at != a.end(), has_b = bt != b.end();
    const int order = !has_b ? -1 : !has_a ? 1 : (*at).name.compare((*bt).name);
    if (order < 0) {
      note((*at).name);
    } else if (order > 0) {
      note((*bt).name);
    } else if ((*at).value != (*bt).value) {
      note((*at).name);
    }
    if (order <= 0) ++at;
    if (order >= 0) ++bt;
  }
  return names;
}

}  // namespace singleflight::model
