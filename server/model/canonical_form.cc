// One pass over each message: its fields are read into a list, sorted by number, and written. A
// message inside is written behind what stands there already, and then its length before it.

#include "server/model/canonical_form.h"

#include <algorithm>
#include <utility>

#include "absl/container/inlined_vector.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "server/model/canonical_values.h"
#include "server/model/length.h"
#include "server/wire/protobuf.h"

namespace singleflight::model {
namespace {

using Kind = CanonicalField::Kind;
using Shape = CanonicalField::Shape;
using wire::ProtobufField;
using wire::ProtobufReader;

// A field as it came. Null: the schema does not know it.
struct Seen {
  const CanonicalField* known;
  ProtobufField field;
};
using AllSeen = absl::InlinedVector<Seen, 16>;

const CanonicalField* Find(const CanonicalMessage& message, uint32_t number) {
  const auto at = std::lower_bound(
      message.fields.begin(), message.fields.end(), number,
      [](const CanonicalField& field, uint32_t wanted) { return field.number < wanted; });
  return at == message.fields.end() || at->number != number ? nullptr : &*at;
}

// Known ones by number, unknown ones behind them; those of one kind as they came.
bool Before(const Seen& a, const Seen& b) {
  if ((a.known == nullptr) != (b.known == nullptr)) return b.known == nullptr;
  if (a.known != nullptr && a.known->number != b.known->number) {
    return a.known->number < b.known->number;
  }
  return a.field.head.data() < b.field.head.data();
}

void PutLengthBefore(size_t begin, std::string* out) {
  char length[10];
  char* const end = WriteLength(length, out->size() - begin);
  out->insert(begin, length, static_cast<size_t>(end - length));
}

class Writer {
 public:
  explicit Writer(const std::vector<CanonicalMessage>& messages) : messages_(messages) {}

  bool Message(absl::string_view bytes, const CanonicalMessage& message, std::string* out) {
    AllSeen seen;
    if (++depth_ > CanonicalForm::kDeepest || !Read(bytes, message, &seen)) return false;
    std::sort(seen.begin(), seen.end(), Before);
    const bool sound = OneOfEachOneof(seen) && All(seen, out);
    --depth_;
    return sound;
  }

 private:
  bool Read(absl::string_view bytes, const CanonicalMessage& message, AllSeen* seen) {
    ProtobufReader reader(bytes);
    ProtobufField field;
    while (reader.Next(&field)) {
      if (++fields_ > CanonicalForm::kMostFields) return false;
      seen->push_back({Find(message, field.number), field});
    }
    return !reader.malformed();
  }

  // Which of two is meant depends on their order, which is lost here.
  static bool OneOfEachOneof(const AllSeen& seen) {
    absl::InlinedVector<uint32_t, 4> there;
    for (const Seen& one : seen) {
      if (one.known != nullptr && one.known->oneof != 0) there.push_back(one.known->oneof);
    }
    std::sort(there.begin(), there.end());
    return std::adjacent_find(there.begin(), there.end()) == there.end();
  }

  bool All(const AllSeen& seen, std::string* out) {
    for (size_t at = 0; at < seen.size();) {
      size_t end = at + 1;
      while (end < seen.size() && seen[end].known == seen[at].known) ++end;
      if (!Field(absl::MakeConstSpan(seen).subspan(at, end - at), out)) return false;
      at = end;
    }
    return true;
  }

  // `seen` are all of one number, or all that are unknown.
  bool Field(absl::Span<const Seen> seen, std::string* out) {
    const CanonicalField* const known = seen.front().known;
    if (known == nullptr) return Unknown(seen, out);
    switch (known->shape) {
      case Shape::kExplicit:
      case Shape::kImplicit:
        return seen.size() == 1 && Single(*known, seen.front().field, out);
      case Shape::kRepeated:
        return Repeated(*known, seen, out);
      case Shape::kPacked:
        return Packed(*known, seen, out);
      case Shape::kMap:
        return Map(*known, seen, out);
    }
    return false;
  }

  static bool Unknown(absl::Span<const Seen> seen, std::string* out) {
    for (const Seen& one : seen) {
      absl::StrAppend(out, one.field.head, one.field.value, one.field.tail);
    }
    return true;
  }

  bool Single(const CanonicalField& known, const ProtobufField& field, std::string* out) {
    if (field.type != WireTypeOf(known.kind)) return false;
    if (known.shape == Shape::kImplicit && IsDefault(known.kind, field.value)) return true;
    WriteTag(known, out);
    return Value(known, field.value, out);
  }

  // Of a field whose tag is written.
  bool Value(const CanonicalField& known, absl::string_view value, std::string* out) {
    if (!HoldsMessage(known.kind)) return WriteScalar(known.kind, value, out);
    const size_t begin = out->size();
    if (!Message(value, messages_[known.message], out)) return false;
    known.kind == Kind::kGroup ? WriteEndTag(known, out) : PutLengthBefore(begin, out);
    return true;
  }

  bool Repeated(const CanonicalField& known, absl::Span<const Seen> seen, std::string* out) {
    for (const Seen& one : seen) {
      if (one.field.type != WireTypeOf(known.kind)) {
        if (!Elements(known, one.field, /*each_with_tag=*/true, out)) return false;
        continue;
      }
      WriteTag(known, out);
      if (!Value(known, one.field.value, out)) return false;
    }
    return true;
  }

  // None at all is as good as no such field.
  bool Packed(const CanonicalField& known, absl::Span<const Seen> seen, std::string* out) {
    const size_t before = out->size();
    WritePackedTag(known, out);
    const size_t begin = out->size();
    for (const Seen& one : seen) {
      const bool single = one.field.type == WireTypeOf(known.kind);
      if (single && !WriteScalar(known.kind, one.field.value, out)) return false;
      if (!single && !Elements(known, one.field, /*each_with_tag=*/false, out)) return false;
    }
    if (out->size() == begin) {
      out->resize(before);
    } else {
      PutLengthBefore(begin, out);
    }
    return true;
  }

  // Of a list that came packed.
  static bool Elements(const CanonicalField& known, const ProtobufField& field, bool each_with_tag,
                       std::string* out) {
    if (!IsPackable(known.kind) || field.type != ProtobufField::Type::kLengthDelimited)
      return false;
    absl::string_view rest = field.value;
    while (!rest.empty()) {
      const absl::string_view element = TakeElement(known.kind, rest);
      if (each_with_tag) WriteTag(known, out);
      if (element.empty() || !WriteScalar(known.kind, element, out)) return false;
    }
    return true;
  }

  bool Map(const CanonicalField& known, absl::Span<const Seen> seen, std::string* out) {
    const CanonicalMessage& entry = messages_[known.message];
    std::vector<std::pair<MapKey, std::string>> entries;
    entries.reserve(seen.size());
    for (const Seen& one : seen) {
      MapKey key;
      std::string form;
      if (one.field.type != WireTypeOf(known.kind)) return false;
      if (!MapEntry(entry, one.field.value, &key, &form)) return false;
      entries.emplace_back(std::move(key), std::move(form));
    }
    std::sort(entries.begin(), entries.end());
    for (size_t i = 0; i < entries.size(); ++i) {
      if (i > 0 && entries[i].first == entries[i - 1].first) return false;  // the last one is meant
      WriteTag(known, out);
      const size_t begin = out->size();
      out->append(entries[i].second);
      PutLengthBefore(begin, out);
    }
    return true;
  }

  // A key or a value that is not there is the default, and is written.
  bool MapEntry(const CanonicalMessage& entry, absl::string_view bytes, MapKey* key,
                std::string* out) {
    absl::string_view values[2];
    ProtobufReader reader(bytes);
    ProtobufField field;
    bool there[2] = {false, false};
    while (reader.Next(&field)) {
      if (++fields_ > CanonicalForm::kMostFields || field.number > 2) return false;
      const CanonicalField& known = entry.fields[field.number - 1];
      if (field.type != WireTypeOf(known.kind) || std::exchange(there[field.number - 1], true))
        return false;
      values[field.number - 1] = field.value;
    }
    if (reader.malformed()) return false;
    for (size_t i = 0; i < 2; ++i) {
      const CanonicalField& known = entry.fields[i];
      if (!there[i]) values[i] = DefaultOf(known.kind);
      WriteTag(known, out);
      if (!Value(known, values[i], out)) return false;
    }
    *key = MapKeyOf(entry.fields[0].kind, values[0]);
    return true;
  }

  const std::vector<CanonicalMessage>& messages_;
  size_t fields_ = 0;
  size_t depth_ = 0;
};

std::string FingerprintOf(const std::vector<CanonicalMessage>& messages) {
  std::string text;
  for (const CanonicalMessage& message : messages) {
    for (const CanonicalField& field : message.fields) {
      absl::StrAppend(&text, field.number, ":", static_cast<int>(field.kind), ":",
                      static_cast<int>(field.shape), ":", field.oneof, ":", field.message, " ");
    }
    absl::StrAppend(&text, ";");
  }
  return text;
}

}  // namespace

CanonicalForm::CanonicalForm(std::vector<CanonicalMessage> messages)
    : messages_(std::move(messages)), fingerprint_(FingerprintOf(messages_)) {}

bool CanonicalForm::Write(absl::string_view message, std::string* out) const {
  out->clear();
  if (message.size() > kLongest) return false;
  out->reserve(message.size());
  return Writer(messages_).Message(message, messages_.front(), out);
}

}  // namespace singleflight::model
