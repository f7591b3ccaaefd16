// What callers ask, and of what: items of two upstreams, which reads return and writes change.

#ifndef SINGLEFLIGHT_TESTS_SIMULATION_ASK_H_
#define SINGLEFLIGHT_TESTS_SIMULATION_ASK_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "server/base/timer_queue.h"
#include "server/cache/scope.h"
#include "server/model/key.h"
#include "server/model/request.h"
#include "tests/simulation/choices.h"

namespace singleflight::simulation {

// The methods, which are the routes, too.
enum class Method : uint8_t {
  kGet,      // collapses and is kept
  kList,     // collapses
  kFind,     // is kept
  kMine,     // collapses and is kept, for all credentials
  kRead,     // join: before_start
  kPut,      // of the first upstream
  kPutMine,  // of the second
};
inline constexpr size_t kMethods = 7;
inline constexpr std::array<absl::string_view, kMethods> kPaths = {
    "/shop.Catalog/Get", "/shop.Catalog/List", "/shop.Catalog/Find", "/shop.Tenant/Mine",
    "/shop.Tenant/Read", "/shop.Catalog/Put",  "/shop.Tenant/Put"};

constexpr absl::string_view PathOf(Method method) { return kPaths[static_cast<size_t>(method)]; }
constexpr bool Writes(Method method) { return method >= Method::kPut; }

// The first upstream has an authority of its own, whatever callers say. To the second it goes as
// they say it, so that it has tenants.
inline constexpr size_t kUpstreams = 2;
inline constexpr std::array<absl::string_view, kUpstreams> kUpstreamNames = {"catalog", "tenants"};
constexpr size_t UpstreamOf(Method method) {
  return method == Method::kMine || method == Method::kRead || method == Method::kPutMine ? 1 : 0;
}
inline constexpr absl::string_view kOwnAuthority = "catalog:50051";  // of core::FakeUpstream

inline constexpr size_t kTenants = 2;
inline constexpr std::array<absl::string_view, kTenants> kAuthorities = {"ann.example",
                                                                         "bob.example"};
constexpr absl::string_view AuthorityOf(size_t upstream, size_t tenant) {
  return upstream == 0 ? kOwnAuthority : kAuthorities[tenant];
}

inline constexpr size_t kIds = 8;
inline constexpr size_t kItems = kUpstreams * kTenants * kIds;
inline constexpr size_t kGroups = 4;  // of the items of one tenant

// What became of a caller. A call that is sent for it has to agree.
enum class Role : uint8_t { kAsking, kHit, kLeads, kFollows, kAlone, kRefused };

// One caller's question. It is kept until the world ends, so that whatever comes of it can be
// compared with it.
struct Ask {
  uint64_t number = 0;
  size_t loop = 0;
  Method method = Method::kGet;
  size_t tenant = 0;  // of the authority as it is sent upstream
  size_t id = 0;
  size_t policy = 0;  // calls under different ones share nothing
  bool shares_across_credentials = false;
  bool ignores_device = false;  // and the stamp
  bool fills_up = false;        // flights take few callers
  bool finishes = false;        // its flight goes on when all have left

  // What counts, or does not.
  uint32_t trust = 0;
  std::string credential;
  std::string device;
  int stamp = 0;  // a second field of the message
  std::string cache_control;
  bool accepts_gzip = false;

  std::shared_ptr<const model::Request> request;
  std::string message;  // framed
  model::Key key;       // once it has asked

  Role role = Role::kAsking;
  bool sent = false;          // a call has been sent for it
  uint64_t first_moment = 0;  // when the first of them was sent (History)
  base::Instant first_sent;   // likewise, by its loop's clock
  base::Instant last_sent;    // the last, but for hedges
  uint64_t last_serial = 0;   // the last
  uint64_t got = 0;           // of a hit: the call whose reply it was
  bool alone = false;         // calls for itself now
  bool asks_again = false;    // as soon as it has its answer
  bool dawdles = false;       // others act between its first look and its joining
  size_t client = 0;          // 0: nobody's

  bool collapses() const { return !Writes(method) && method != Method::kFind; }
  bool is_kept() const {
    return method == Method::kGet || method == Method::kFind || method == Method::kMine;
  }
  bool gathers() const { return method == Method::kRead; }

  size_t upstream() const { return UpstreamOf(method); }
  size_t item() const { return (upstream() * kTenants + tenant) * kIds + id; }
  size_t group() const { return id % kGroups; }
  cache::Origin origin() const {
    return {kUpstreamNames[upstream()], AuthorityOf(upstream(), tenant), PathOf(method)};
  }
  std::string ToText() const;
};

// How much callers differ.
enum class Variety { kMuch, kLittle };

// A question on that loop.
std::shared_ptr<Ask> DrawAsk(Choices& choices, size_t loop, uint64_t number, Variety variety);

// The same once more.
std::shared_ptr<Ask> Again(const Ask& ask, uint64_t number);

// `message` with a prefix as on the wire.
std::string Framed(absl::string_view message, bool compressed = false);

std::string GroupName(size_t group);

}  // namespace singleflight::simulation

#endif  // SINGLEFLIGHT_TESTS_SIMULATION_ASK_H_
