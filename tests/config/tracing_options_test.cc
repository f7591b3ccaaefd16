// `tracing`: what is read, and what is refused.

#include "absl/time/time.h"
#include "tests/config/files.h"

namespace singleflight::config {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

otlp::Options TracingOf(const std::string& options) {
  return Right(WithOption("tracing: {" + options + "}")).tracing;
}

std::vector<std::string> MistakesOf(const std::string& options) {
  return MistakesIn(WithOption("tracing: {" + options + "}"));
}

TEST(TracingOptionsTest, WithoutASectionItIsOff) {
  EXPECT_FALSE(Right(WithOption("")).tracing.on());
}

TEST(TracingOptionsTest, ACollectorIsEnoughAndTheRestHasDefaults) {
  const otlp::Options options = TracingOf("otlp: 127.0.0.1:4317");
  EXPECT_TRUE(options.on());
  EXPECT_EQ(options.otlp, "127.0.0.1:4317");
  EXPECT_EQ(options.sampling, trace::Sampling());
  EXPECT_EQ(options.service_name, "singleflight");
  EXPECT_EQ(options.timeout, absl::Seconds(5));
  EXPECT_FALSE(options.tls.has_value());
}

TEST(TracingOptionsTest, AllOptionsAreRead) {
  const otlp::Options options = TracingOf(
      "otlp: \"unix:/run/otel.sock\", sample: 1%, service_name: shop proxy, timeout: 100ms, "
      "tls: {ca: /ca.pem, server_name: collector.example}");
  EXPECT_EQ(options.otlp, "unix:/run/otel.sock");
  EXPECT_EQ(options.sampling, *trace::ParseSampling("1%"));
  EXPECT_EQ(options.service_name, "shop proxy");
  EXPECT_EQ(options.timeout, absl::Milliseconds(100));
  EXPECT_EQ(options.tls, (tls::ClientOptions{"/ca.pem", "", "", "collector.example"}));
}

TEST(TracingOptionsTest, TlsWithoutOptionsTrustsWhatTheSystemDoes) {
  EXPECT_EQ(TracingOf("otlp: h:1, tls: {}").tls, tls::ClientOptions());
}

TEST(TracingOptionsTest, WhatIsWrongIsRefused) {
  EXPECT_THAT(MistakesOf("sample: 1%"),
              ElementsAre(HasSubstr("tracing: \"otlp\" is missing; write where the collector is")));
  EXPECT_THAT(MistakesOf("otlp: \"http://collector:4317\""),
              ElementsAre(HasSubstr("tracing.otlp")));
  EXPECT_THAT(MistakesOf("otlp: h:1, sample: 0.5"),
              ElementsAre(HasSubstr("tracing.sample: \"0.5\" is no sampling; write parent, or")));
  EXPECT_THAT(MistakesOf("otlp: h:1, service_name: \"\""),
              ElementsAre(HasSubstr("tracing.service_name: \"\" is no name")));
  EXPECT_THAT(MistakesOf("otlp: h:1, timeout: 1ms"), ElementsAre(HasSubstr("tracing.timeout")));
  EXPECT_THAT(MistakesOf("otlp: h:1, tls: {certificate: c.pem}"),
              ElementsAre(HasSubstr("stands without \"private_key\"; add it")));
}

}  // namespace
}  // namespace singleflight::config
