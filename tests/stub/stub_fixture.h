// A stub on a running worker, before servers of gRPC's or of the test's own.

#ifndef SINGLEFLIGHT_TESTS_STUB_STUB_FIXTURE_H_
#define SINGLEFLIGHT_TESTS_STUB_STUB_FIXTURE_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/stub/stub.h"
#include "tests/http2/on_worker.h"
#include "tests/testing/backend.h"
#include "tests/testing/raw_peer.h"

namespace singleflight::stub::testing {

using http2::testing::OnWorker;
using singleflight::testing::Answer;
using singleflight::testing::Backend;
using singleflight::testing::Field;
using singleflight::testing::Fields;
using singleflight::testing::Framed;
using singleflight::testing::RawMessage;
using singleflight::testing::RawSeen;
using singleflight::testing::RawServer;
using singleflight::testing::SeenCall;

// Of a reply, as a server that is not gRPC's sends it.
inline const Fields kRawHead = {{":status", "200"}, {"content-type", "application/grpc"}};

inline Fields FieldsOf(const model::Headers& headers) {
  Fields fields;
  for (const model::Field field : headers) {
    fields.push_back({std::string(field.name), std::string(field.value)});
  }
  return fields;
}

// The caller of one call, which writes down what it hears.
struct Caller final : core::UpstreamEvents {
  void OnInitial(model::Headers fields, bool end) override {
    EXPECT_FALSE(Over());
    initial = FieldsOf(fields);
    trailers_only = end;
    ended = end;
    if (on_anything) on_anything();
  }
  void OnData(absl::string_view bytes) override {
    EXPECT_FALSE(Over());
    EXPECT_FALSE(initial.empty());
    body.append(bytes.data(), bytes.size());
    if (consumes) call->Consume(bytes.size());
    if (on_anything) on_anything();
  }
  void OnEnd(model::Headers fields) override {
    EXPECT_FALSE(Over());
    trailing = FieldsOf(fields);
    ended = true;
    if (on_anything) on_anything();
  }
  void OnSent(size_t bytes) override { sent += bytes; }
  void OnFailed(core::UpstreamFailure how) override {
    EXPECT_FALSE(Over());
    failure = std::move(how);
    if (on_anything) on_anything();
  }

  bool Over() const { return ended || failure.has_value(); }

  // The value of a field of any block, or nothing.
  std::string Value(const std::string& name) const {
    for (const Fields* block : {&initial, &trailing}) {
      for (const Field& field : *block) {
        if (field.name == name) return field.value;
      }
    }
    return "";
  }

  std::unique_ptr<core::UpstreamCall> call;
  bool consumes = true;
  std::function<void()> on_anything;
  Fields initial, trailing;
  bool trailers_only = false;
  std::string body;
  size_t sent = 0;
  bool ended = false;
  absl::optional<core::UpstreamFailure> failure;
};

MATCHER_P(HasField, field, "") {
  for (const Field& one : arg) {
    if (one.name == field.name && one.value == field.value) return true;
  }
  return false;
}

// Every verb below runs on the worker. Afterwards every call is counted once, and none is left.
class StubTest : public ::testing::Test {
 protected:
  StubTest() {
    options_.name = "catalog";
    options_.transport = upstream::Transport::kGrpc;
    options_.max_reconnect_backoff = absl::Milliseconds(100);
  }

  ~StubTest() override {
    on_.Run([this] { callers_.clear(); });
    const std::weak_ptr<Stub> alive = stub_;
    stub_.reset();
    on_.Until([&] { return alive.expired(); });
    EXPECT_EQ(metrics_->active.value(), 0);
    const uint64_t ended =
        metrics_->calls.sum() + metrics_->calls_without_status.value() + metrics_->unanswered.sum();
    EXPECT_EQ(metrics_->begun.value(), ended) << "every call is counted once";
    EXPECT_EQ(metrics_->whole.count(), ended);
    EXPECT_EQ(on_.counted(), 0) << "bytes are left";
    on_.Stop();
  }

  // `options_` as they are then.
  void Serve(const std::string& target, const std::string& authority = "catalog:1") {
    options_.target = target;
    auto channel = Channel::Make(options_, authority, completions_);
    ASSERT_TRUE(channel.ok()) << channel.status();
    channel_ = *channel;
    stub_ = std::shared_ptr<Stub>(
        new Stub({on_.worker(), *on_.worker().buffered(), metrics_, cells_}, options_, authority,
                 *std::move(channel)),
        [this](Stub* last) { on_.worker().Post([gone = std::unique_ptr<Stub>(last)] {}); });
  }

  static Fields HeadFields(const std::string& path = "/shop.Catalog/Get") {
    return {{":method", "POST"},     {":scheme", "http"},
            {":path", path},         {":authority", "callers.example"},
            {"te", "trailers"},      {"content-type", "application/grpc"},
            {"user-agent", "test/1"}};
  }

  // Begins a call with these bytes; `open`: its side stays open.
  Caller& Begin(const Fields& head, const std::string& bytes, bool open = false,
                absl::optional<absl::Duration> timeout = absl::nullopt) {
    on_.Run([&] {
      callers_.push_back(std::make_unique<Caller>());
      Caller& caller = *callers_.back();
      caller.consumes = consumes_;
      model::Headers block;
      for (const Field& field : head) block.Add(field.name, field.value);
      auto request = std::make_shared<const model::Request>(
          absl::get<model::Request>(model::ParseRequest(std::move(block))));
      absl::optional<base::Instant> deadline;
      if (timeout.has_value()) deadline = base::After(on_.worker().Now(), *timeout);
      const std::string authority(stub_->AuthorityFor(*request));
      caller.call = stub_->Start({request, authority, deadline, chain_hop_, 0, client_}, caller);
      if (!bytes.empty()) caller.call->Send(base::Slice(bytes));
      if (!open) caller.call->Finish({});
    });
    return *callers_.back();
  }

  void Send(Caller& caller, const std::string& bytes) {
    on_.Run([&] { caller.call->Send(base::Slice(bytes)); });
  }
  void Finish(Caller& caller) {
    on_.Run([&] { caller.call->Finish({}); });
  }
  void Until(const std::function<bool()>& state) { on_.Until(state); }
  void Await(Caller& caller) {
    Until([&] { return caller.Over(); });
  }

  // A unary call from beginning to end.
  Caller& Ask(const std::string& message = "id-7") {
    Caller& caller = Begin(HeadFields(), Framed(message));
    Await(caller);
    return caller;
  }

  uint64_t Unanswered(core::Unanswered why) const { return metrics_->unanswered.of(why); }
  uint64_t Answered(wire::StatusCode code) const { return metrics_->calls.of(code); }

  upstream::UpstreamOptions options_;
  std::string chain_hop_;
  bool consumes_ = true;                    // callers that begin from now on
  std::shared_ptr<memory::Client> client_;  // likewise; null: nobody's
  const std::shared_ptr<upstream::UpstreamMetrics> metrics_ =
      std::make_shared<upstream::UpstreamMetrics>();
  const std::shared_ptr<upstream::EndpointCells> cells_ =
      std::make_shared<upstream::EndpointCells>();
  OnWorker on_;
  Completions completions_;
  std::shared_ptr<Channel> channel_;
  std::shared_ptr<Stub> stub_;
  std::vector<std::unique_ptr<Caller>> callers_;
};

}  // namespace singleflight::stub::testing

#endif  // SINGLEFLIGHT_TESTS_STUB_STUB_FIXTURE_H_
