// `target:` and `endpoints:`, and the authority that a gRPC client would send (gRPC, "Name
// resolution").

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/upstream/target.h"

namespace singleflight::upstream {
namespace {

struct Row {
  std::string target;
  std::vector<std::string> fixed;
  std::vector<std::string> names;
  std::string authority;
};

TEST(TargetTest, EachFormIsReadAsAGrpcClientReadsIt) {
  const Row rows[] = {
      {"shop.example:50051", {}, {"shop.example:50051"}, "shop.example:50051"},
      {"dns:///shop.example:50051", {}, {"shop.example:50051"}, "shop.example:50051"},
      {"127.0.0.1:50051", {"127.0.0.1:50051"}, {}, "127.0.0.1:50051"},
      {"dns:///127.0.0.1:50051", {"127.0.0.1:50051"}, {}, "127.0.0.1:50051"},
      {"localhost:50051", {"127.0.0.1:50051"}, {}, "localhost:50051"},
      {"[::1]:50051", {"[::1]:50051"}, {}, "[::1]:50051"},
      {"ipv4:10.0.0.1:1", {"10.0.0.1:1"}, {}, "10.0.0.1:1"},
      {"ipv6:[::1]:1", {"[::1]:1"}, {}, "[::1]:1"},
      {"unix:/run/shop.sock", {"unix:/run/shop.sock"}, {}, "localhost"},
      {"unix:///run/shop.sock", {"unix:///run/shop.sock"}, {}, "localhost"},
  };
  for (const Row& row : rows) {
    UpstreamOptions options;
    options.target = row.target;
    const absl::StatusOr<Target> target = ParseTarget(options);
    ASSERT_TRUE(target.ok()) << row.target << ": " << target.status();
    std::vector<std::string> fixed, names;
    for (const net::Endpoint& endpoint : target->fixed) fixed.push_back(net::ToString(endpoint));
    for (const net::HostPort& name : target->names) names.push_back(name.host + ":" + name.port);
    EXPECT_EQ(fixed, row.fixed) << row.target;
    EXPECT_EQ(names, row.names) << row.target;
    EXPECT_EQ(target->authority, row.authority) << row.target;
  }
}

TEST(TargetTest, OfATargetThatOnlyGrpcResolvesTheAuthorityIsKnown) {
  const std::pair<std::string, std::string> rows[] = {
      {"xds:///shop.example", "shop.example"},
      {"xds:///shop.example:80", "shop.example:80"},
      {"xds://plane.example/shop", "shop"},
      {"google-c2p:///shop.example", "shop.example"},
      {"dns://8.8.8.8/shop.example:50051", "shop.example:50051"},
      {"unix-abstract:shop", "localhost"},
      {"dns:///shop.example:50051", "shop.example:50051"},
      {"unix:/run/shop.sock", "localhost"},
      {"10.0.0.1:1", "10.0.0.1:1"},
  };
  for (const auto& [target, authority] : rows) {
    UpstreamOptions options;
    options.transport = Transport::kGrpc;
    options.target = target;
    const absl::StatusOr<Target> read = ParseTarget(options);
    ASSERT_TRUE(read.ok()) << target << ": " << read.status();
    EXPECT_EQ(read->authority, authority) << target;
  }
}

TEST(TargetTest, AddressListsNameEveryAddress) {
  UpstreamOptions options;
  options.target = "ipv4:10.0.0.1:1,10.0.0.2:2";
  const absl::StatusOr<Target> target = ParseTarget(options);
  ASSERT_TRUE(target.ok());
  ASSERT_EQ(target->fixed.size(), 2u);
  EXPECT_EQ(net::ToString(target->fixed[1]), "10.0.0.2:2");
}

TEST(TargetTest, EndpointsMayBeOfEveryKind) {
  UpstreamOptions options;
  options.endpoints = {"10.0.0.1:1", "shop.example:2", "unix:/run/shop.sock"};
  const absl::StatusOr<Target> target = ParseTarget(options);
  ASSERT_TRUE(target.ok());
  EXPECT_EQ(target->fixed.size(), 2u);
  EXPECT_EQ(target->names.size(), 1u);
  EXPECT_EQ(target->authority, "10.0.0.1:1");
}

TEST(TargetTest, WhatIsNoTargetIsRefused) {
  for (const char* text : {"", "shop.example", "shop.example:", "unix:", "[::1:50051",
                           "ipv4:10.0.0.1", "ipv4:10.0.0.1:1,,"}) {
    UpstreamOptions options;
    options.target = text;
    EXPECT_FALSE(ParseTarget(options).ok()) << text;
  }
}

}  // namespace
}  // namespace singleflight::upstream
