// A fixture for tests of single calls; call_*_test.cc are one program.

#ifndef SINGLEFLIGHT_TESTS_PROXY_CALL_FIXTURE_H_
#define SINGLEFLIGHT_TESTS_PROXY_CALL_FIXTURE_H_

#include <memory>
#include <vector>

#include "tests/proxy/proxy_fixture.h"

namespace singleflight::proxy::testing {

class CallTest : public ProxyTest {
 protected:
  // Callers aboard a flight whose reply turns out to stream: the first goes on with it, the second
  // is through the gate, the others wait before it.
  std::vector<std::shared_ptr<Ear>> Stampede(int callers) {
    std::vector<std::shared_ptr<Ear>> herd;
    for (int i = 0; i < callers; ++i) herd.push_back(Ask(kGet, "id-7"));
    Upstream([](FakeCall& call) {
      call.Begin();
      call.Data(Framed("one"));
      call.Data(Framed("two"));
    });
    return herd;
  }

  bool Streams() { return routes_.Find("", kGet)->Streams(kGet, loop_.Now()); }
};

}  // namespace singleflight::proxy::testing

#endif  // SINGLEFLIGHT_TESTS_PROXY_CALL_FIXTURE_H_
