// How names are looked up by a resolver that nothing can hurry.
//
// getaddrinfo takes as long as its name servers like, and cannot be ended. So each look-up has a
// thread of its own that nobody waits for: neither another look-up, which may be for a server that
// answers, nor the end of the process.
//
//   Ask         notes its caller. A name that is being looked up already gets no second thread: all
//               that ask for it get the same answer.
//   the thread  looks up, and leaves what it found in the Mailbox
//   Mailbox     is shared by LookUps and its threads, so it outlives both. It posts the answer to
//               the loop, or drops it once LookUps is closed.
//   Finish      runs on the loop, and tells all that asked. They may ask again from within.
//
// At most kMostThreads look-ups run at a time. Past that the answer is an error, which the resolver
// treats like any other failure: it tries again later, and known endpoints stay in force.

#include "server/upstream/look_ups.h"

#include <netdb.h>
#include <sys/socket.h>

#include <boost/asio/post.hpp>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <thread>

#include "absl/strings/str_cat.h"
#include "server/base/signals_held.h"
#include "singleflight/mutex.h"

namespace singleflight::upstream {
namespace asio = boost::asio;

// Where threads leave what they have found.
class LookUps::Mailbox {
 public:
  Mailbox(LookUps& owner, asio::io_context& io) : owner_(&owner), io_(&io) {}

  // On the loop's thread: nobody is told anything any more.
  void Close() {
    owner_ = nullptr;
    MutexLock lock(mu_);
    io_ = nullptr;
  }

  // From any thread. While the lock is held the loop stays, so the answer gets into its queue.
  static void Leave(const std::shared_ptr<Mailbox>& mailbox, Key key, Answer answer) {
    MutexLock lock(mailbox->mu_);
    if (mailbox->io_ == nullptr) return;
    asio::post(*mailbox->io_, [mailbox, key = std::move(key), answer = std::move(answer)] {
      if (mailbox->owner_ != nullptr) mailbox->owner_->Finish(key, answer);
    });
  }

 private:
  LookUps* owner_;  // the loop's

  Mutex mu_;
  asio::io_context* io_ ABSL_GUARDED_BY(mu_);
};

LookUps::LookUps(asio::io_context& io, System system, size_t max_threads)
    : io_(io),
      system_(std::move(system)),
      max_threads_(max_threads),
      mailbox_(std::make_shared<Mailbox>(*this, io)) {}

void LookUps::Close() {
  mailbox_->Close();
  work_.reset();
}

void LookUps::Ask(const net::HostPort& name, OnAnswer on_answer) {
  std::vector<OnAnswer>& waiting = under_way_[{name.host, name.port}];
  waiting.push_back(std::move(on_answer));
  if (waiting.size() > 1) return;
  if (!work_.has_value()) work_.emplace(io_.get_executor());
  Begin(name);
}

void LookUps::Begin(const net::HostPort& name) {
  Key key(name.host, name.port);
  if (under_way_.size() > max_threads_) {
    return Mailbox::Leave(mailbox_, key,
                          {{}, absl::StrCat(max_threads_, " other look-ups are under way")});
  }
  try {
    const base::SignalsHeld quiet;
    std::thread([mailbox = mailbox_, system = system_, name, key] {
      Mailbox::Leave(mailbox, key, system(name));
    }).detach();
  } catch (const std::system_error& error) {
    Mailbox::Leave(mailbox_, key, {{}, absl::StrCat("there is no thread for it: ", error.what())});
  }
}

void LookUps::Finish(const Key& key, const Answer& answer) {
  auto done = under_way_.extract(key);
  for (OnAnswer& on_answer : done.mapped()) on_answer(answer);
  if (under_way_.empty()) work_.reset();
}

LookUps::Answer LookUps::AskSystem(const net::HostPort& name) {
  addrinfo wanted = {};
  wanted.ai_family = AF_UNSPEC;
  wanted.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int failure = ::getaddrinfo(name.host.c_str(), name.port.c_str(), &wanted, &found);
  if (failure != 0) {
    return {{}, failure == EAI_SYSTEM ? std::strerror(errno) : ::gai_strerror(failure)};
  }
  Answer answer;
  for (const addrinfo* one = found; one != nullptr; one = one->ai_next) {
    if (one->ai_family != AF_INET && one->ai_family != AF_INET6) continue;
    answer.endpoints.emplace_back(one->ai_addr, one->ai_addrlen);
  }
  ::freeaddrinfo(found);
  if (answer.endpoints.empty()) answer.error = "it has no address";
  return answer;
}

}  // namespace singleflight::upstream
