// A target that a control plane resolves.

#include <cstdlib>

#include "tests/stub/control_plane.h"
#include "tests/stub/stub_fixture.h"

namespace singleflight::stub::testing {
namespace {

class XdsTest : public StubTest {};

TEST_F(XdsTest, ACallGoesWhereTheControlPlaneSays) {
  Backend backend;
  const std::string& address = backend.address();
  const size_t colon = address.rfind(':');
  const ControlPlane plane("catalog.example", address.substr(0, colon),
                           std::stoi(address.substr(colon + 1)));
  ::setenv("GRPC_XDS_BOOTSTRAP_CONFIG", plane.Bootstrap().c_str(), 1);
  Serve("xds:///catalog.example", "catalog.example");
  const Caller& caller = Ask("id-7");
  EXPECT_EQ(caller.body, Framed("reply to id-7"));
  EXPECT_EQ(caller.failure.has_value() ? caller.failure->message : "", "");
  EXPECT_EQ(backend.call(0).authority, "catalog.example");
  EXPECT_EQ(channel_->state(), upstream::EndpointState::kReady);
}

}  // namespace
}  // namespace singleflight::stub::testing
