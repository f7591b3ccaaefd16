// A view of a header block in nghttp2's form. nghttp2 copies what it is given; the block must live
// until then.

#ifndef SINGLEFLIGHT_SERVER_HTTP2_NGHTTP2_FIELDS_H_
#define SINGLEFLIGHT_SERVER_HTTP2_NGHTTP2_FIELDS_H_

#include <nghttp2/nghttp2.h>

#include "absl/container/inlined_vector.h"
#include "absl/types/span.h"
#include "server/model/headers.h"

namespace singleflight::http2 {

class Nghttp2Fields {
 public:
  explicit Nghttp2Fields(model::HeadersView fields, absl::Span<const model::Field> more = {}) {
    for (const model::Field field : fields) Add(field);
    for (const model::Field& field : more) Add(field);
  }

  const nghttp2_nv* data() const { return nv_.data(); }
  size_t size() const { return nv_.size(); }

 private:
  void Add(const model::Field& field) {
    const auto flags = field.never_index ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE;
    nv_.push_back({Bytes(field.name), Bytes(field.value), field.name.size(), field.value.size(),
                   static_cast<uint8_t>(flags)});
  }

  static uint8_t* Bytes(absl::string_view text) {
    return reinterpret_cast<uint8_t*>(const_cast<char*>(text.data()));
  }

  absl::InlinedVector<nghttp2_nv, 24> nv_;
};

}  // namespace singleflight::http2

#endif  // SINGLEFLIGHT_SERVER_HTTP2_NGHTTP2_FIELDS_H_
