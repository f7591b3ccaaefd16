// A server of coroutines on one thread: three of them wait for one upstream call. The last one is
// destroyed before the reply, as for a client that has hung up.

#include <coroutine>
#include <cstdio>
#include <exception>
#include <string>
#include <utility>

#include "singleflight/async_group.h"
#include "singleflight/co_join.h"

namespace {

using Flights = singleflight::AsyncGroup<std::string, std::string>;

// A coroutine that begins when it is called and is destroyed with this object.
struct Call {
  struct promise_type {
    Call get_return_object() {
      return Call(std::coroutine_handle<promise_type>::from_promise(*this));
    }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_always final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() { std::terminate(); }
  };

  explicit Call(std::coroutine_handle<promise_type> handle) : handle(handle) {}
  Call(Call&& other) noexcept : handle(std::exchange(other.handle, nullptr)) {}
  ~Call() {
    if (handle) handle.destroy();
  }

  std::coroutine_handle<promise_type> handle;
};

struct Upstream {
  void Send(Flights::Landing landing) {
    ++sent;
    waits = std::move(landing);
  }
  void Receive(const std::string& reply) { waits.Land(reply); }

  int sent = 0;
  Flights::Landing waits;
};

Call Serve(Flights& flights, Upstream& upstream, std::string& reply) {
  reply = co_await singleflight::CoJoin(flights, "/shop/Get?id=7", [&](Flights::Landing landing) {
    upstream.Send(std::move(landing));  // this coroutine leads
  });
  std::printf("%s\n", reply.c_str());
}

}  // namespace

int main() {
  Flights flights;
  Upstream upstream;
  std::string first, second, third;
  const Call leads = Serve(flights, upstream, first);
  const Call follows = Serve(flights, upstream, second);
  { const Call hangs_up = Serve(flights, upstream, third); }
  upstream.Receive("blue kettle");
  const bool right = first == "blue kettle" && second == "blue kettle" && third.empty();
  return right && upstream.sent == 1 && flights.flights() == 0 ? 0 : 1;
}
