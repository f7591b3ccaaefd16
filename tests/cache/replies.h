// Keys and replies for the tests of the cache.

#ifndef SINGLEFLIGHT_TESTS_CACHE_REPLIES_H_
#define SINGLEFLIGHT_TESTS_CACHE_REPLIES_H_

#include <functional>
#include <string>

#include "server/model/key.h"
#include "server/model/reply.h"
#include "tests/model/blocks.h"

namespace singleflight::cache {

using model::Fields;
using model::HeadersOf;

inline constexpr char kGet[] = "/shop.Catalog/Get";

// A reply with what upstreams usually send, and more.
inline model::Reply ReplyWith(const Fields& initial, const Fields& trailing = {},
                              const std::string& body = "blue kettle") {
  Fields first = {{":status", "200"}, {"content-type", "application/grpc"}};
  first.insert(first.end(), initial.begin(), initial.end());
  Fields last = {{"grpc-status", "0"}};
  last.insert(last.end(), trailing.begin(), trailing.end());
  return model::MakeReply({HeadersOf(first), body, HeadersOf(last), false, nullptr});
}

inline model::Reply OkReply(const std::string& body) { return ReplyWith({}, {}, body); }

// A reply of one block.
inline model::Reply TrailersOnly(const Fields& fields) {
  return model::MakeReply({HeadersOf(fields), "", {}, true, nullptr});
}

inline model::Key KeyOf(const std::string& id) { return {std::hash<std::string>()(id), id}; }

}  // namespace singleflight::cache

#endif  // SINGLEFLIGHT_TESTS_CACHE_REPLIES_H_
