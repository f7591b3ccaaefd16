#include "server/model/headers.h"

#include <algorithm>

namespace singleflight::model {
namespace {

constexpr size_t kUsualBlockBytes = 384;

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

Headers::Headers(const Headers& other)
    : bytes_(other.empty() ? nullptr : new char[other.size_]),
      size_(other.size_),
      capacity_(other.size_),
      fields_(other.fields_) {
  Append(bytes_.get(), other.view().packed());
}

void Headers::Add(absl::string_view name, absl::string_view value, bool never_index) {
  const HeadersView::Lengths lengths = {static_cast<uint32_t>(name.size()),
                                        static_cast<uint32_t>(value.size()) & 0x7fffffffu,
                                        never_index ? 1u : 0u};
  const size_t added = sizeof(lengths) + name.size() + value.size();
  if (capacity_ - size_ < added) MakeRoomFor(added);
  char* const field = bytes_.get() + size_;
  std::memcpy(field, &lengths, sizeof(lengths));
  Append(Append(field + sizeof(lengths), name), value);
  size_ += added;
  ++fields_;
}

void Headers::MakeRoomFor(size_t bytes) {
  capacity_ = std::max({kUsualBlockBytes, 2 * capacity_, size_ + bytes});
  std::unique_ptr<char[]> larger(new char[capacity_]);
  Append(larger.get(), view().packed());
  bytes_ = std::move(larger);
}

}  // namespace singleflight::model
