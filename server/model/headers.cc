#include "server/model/headers.h"

namespace singleflight::model {
namespace {

constexpr size_t kUsualBlockBytes = 384;
constexpr size_t kUsualFieldBytes = 128;

char* Append(char* out, absl::string_view part) {
  if (!part.empty()) std::memcpy(out, part.data(), part.size());
  return out + part.size();
}

}  // namespace

absl::optional<absl::string_view> HeadersView::Find(absl::string_view name) const {
  for (const Field field : *this) {
    if (field.name == name) return field.value;
  }
  return absl::nullopt;
}

size_t HeadersView::Count(absl::string_view name) const {
  size_t count = 0;
  for (const Field field : *this) count += field.name == name ? 1 : 0;
  return count;
}

void Headers::Add(absl::string_view name, absl::string_view value, bool never_index) {
  const HeadersView::Lengths lengths = {static_cast<uint32_t>(name.size()),
                                        static_cast<uint32_t>(value.size()) & 0x7fffffffu,
                                        never_index ? 1u : 0u};
  if (packed_.empty()) packed_.reserve(kUsualBlockBytes);
  ++fields_;
  const size_t added = sizeof(lengths) + name.size() + value.size();
  if (added <= kUsualFieldBytes) {  // put together first, so that it is appended once
    char field[kUsualFieldBytes];
    std::memcpy(field, &lengths, sizeof(lengths));
    Append(Append(field + sizeof(lengths), name), value);
    packed_.append(field, added);
    return;
  }
  packed_.append(reinterpret_cast<const char*>(&lengths), sizeof(lengths));
  packed_.append(name.data(), name.size());
  packed_.append(value.data(), value.size());
}

}  // namespace singleflight::model
