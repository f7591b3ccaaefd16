#include "server/model/headers.h"

#include <algorithm>

namespace singleflight::model {
namespace {

constexpr size_t kUsualBlockBytes = 384;

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

void Headers::MakeRoomFor(size_t bytes) {
  capacity_ = std::max({kUsualBlockBytes, 2 * capacity_, size_ + bytes});
  std::unique_ptr<char[]> larger(new char[capacity_]);
  Append(larger.get(), view().packed());
  bytes_ = std::move(larger);
}

}  // namespace singleflight::model
