// Looks up names with the system's resolver, each on a thread of its own that nobody waits for
// (look_ups.cc tells how). All that ask for the same name meanwhile get the same answer.
//
// Threads: the one of `io`.

#ifndef SINGLEFLIGHT_SERVER_UPSTREAM_LOOK_UPS_H_
#define SINGLEFLIGHT_SERVER_UPSTREAM_LOOK_UPS_H_

#include <utility>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/types/optional.h"
#include "server/net/address.h"

namespace singleflight::upstream {

class LookUps {
 public:
  struct Answer {
    std::vector<net::Endpoint> endpoints;
    std::string error;  // why there are none
  };
  using OnAnswer = absl::AnyInvocable<void(const Answer&)>;

  // How one name is looked up. Called on any thread, several at a time.
  using System = std::function<Answer(const net::HostPort&)>;

  static constexpr size_t kMostThreads = 64;

  explicit LookUps(boost::asio::io_context& io, System system = AskSystem,
                   size_t max_threads = kMostThreads);
  LookUps(const LookUps&) = delete;
  LookUps& operator=(const LookUps&) = delete;
  ~LookUps() { Close(); }

  // From now on nobody is told anything. Call it before `io` goes.
  void Close();

  // Answers in a later turn of `io`, or never. If too many look-ups are under way, the answer is an
  // error that says so.
  void Ask(const net::HostPort& name, OnAnswer on_answer);

  // getaddrinfo.
  static Answer AskSystem(const net::HostPort& name);

 private:
  class Mailbox;
  using Key = std::pair<std::string, std::string>;  // host, port

  void Begin(const net::HostPort& name);
  void Finish(const Key& key, const Answer& answer);

  boost::asio::io_context& io_;
  const System system_;
  const size_t max_threads_;
  const std::shared_ptr<Mailbox> mailbox_;
  std::map<Key, std::vector<OnAnswer>> under_way_;

  // Keeps `io` running while a look-up is under way.
  absl::optional<boost::asio::executor_work_guard<boost::asio::io_context::executor_type>> work_;
};

}  // namespace singleflight::upstream

#endif  // SINGLEFLIGHT_SERVER_UPSTREAM_LOOK_UPS_H_
