// Replies on their way to the caller: messages, flow control, the end.

#include "tests/stub/stub_fixture.h"

namespace singleflight::stub::testing {
namespace {

using wire::StatusCode;

class RepliesTest : public StubTest {
 protected:
  RepliesTest() { Serve(backend_.address()); }

  void AnswerWith(std::vector<std::string> messages,
                  absl::StatusCode code = absl::StatusCode::kOk) {
    backend_.AnswerWith(Answer{code, "", "", std::move(messages)});
  }
  void Consume(Caller& caller, size_t bytes) {
    on_.Run([&] { caller.call->Consume(bytes); });
  }

  Backend backend_;
};

TEST_F(RepliesTest, AUnaryCallIsCountedWithItsTimes) {
  const Caller& caller = Ask("id-7");
  EXPECT_EQ(caller.body, Framed("reply to id-7"));
  EXPECT_EQ(Answered(StatusCode::kOk), 1u);
  EXPECT_EQ(metrics_->first_byte.count(), 1u);
  const core::UpstreamTrip& trip = caller.call->trip();
  EXPECT_LE(trip.begun, trip.sent);
  EXPECT_LE(trip.sent, trip.first);
  EXPECT_LE(trip.first, trip.ended);
  EXPECT_EQ(*trip.endpoint, options_.target);
  EXPECT_EQ(cells_->calls.value(), 1u);
  EXPECT_EQ(cells_->active.value(), 0);
}

TEST_F(RepliesTest, AStreamOfMessagesArrivesInOrder) {
  std::string expected;
  std::vector<std::string> messages;
  for (int i = 0; i < 300; ++i) {
    messages.push_back(std::string(static_cast<size_t>(i), 'x'));
    expected += Framed(messages.back());
  }
  AnswerWith(messages);
  EXPECT_EQ(Ask().body, expected);
}

TEST_F(RepliesTest, MessagesBeforeAnErrorArrive) {
  AnswerWith({"one", "two"}, absl::StatusCode::kAborted);
  const Caller& caller = Ask();
  EXPECT_EQ(caller.body, Framed("one") + Framed("two"));
  EXPECT_EQ(caller.Value("grpc-status"), "10");
}

TEST_F(RepliesTest, AMessageOfAnySizeArrives) {
  const std::string large(20 << 20, 'x');
  AnswerWith({large});
  EXPECT_EQ(Ask().body, Framed(large));
}

TEST_F(RepliesTest, ACompressedReplyArrivesInflated) {
  backend_.CompressReplies();
  AnswerWith({std::string(3000, 'x')});
  const Caller& caller = Ask();
  EXPECT_EQ(caller.body, Framed(std::string(3000, 'x')));
  EXPECT_EQ(caller.Value("grpc-encoding"), "");
}

TEST_F(RepliesTest, TheFirstBlockComesBeforeTheFirstMessage) {
  RawServer server([](const RawSeen&) { return RawMessage{kRawHead, {}, {}, /*ends=*/false}; });
  Serve(server.address());
  Caller& caller = Begin(HeadFields(), Framed("id-7"));
  Until([&] { return !caller.initial.empty(); });
  EXPECT_FALSE(caller.Over());
}

TEST_F(RepliesTest, NoMoreIsShownThanIsConsumed) {
  consumes_ = false;
  const std::string large(1 << 20, 'x');
  AnswerWith({large, "more"});
  Caller& caller = Begin(HeadFields(), Framed("id-7"));
  for (size_t shown = 0; shown < large.size();) {
    Until([&] { return caller.body.size() > shown; });
    on_.Run([&] {
      EXPECT_LE(caller.body.size() - shown, 128u << 10);
      shown = caller.body.size();
      EXPECT_FALSE(caller.Over() && shown < large.size());
    });
    Consume(caller, shown);
  }
  Until([&] { return caller.Over(); });
  EXPECT_EQ(caller.body, Framed(large) + Framed("more"));
}

TEST_F(RepliesTest, AMessageThatIsNotConsumedCountsAsBuffered) {
  consumes_ = false;
  AnswerWith({std::string(1 << 20, 'x')});
  Caller& caller = Begin(HeadFields(), Framed("id-7"));
  Until([&] { return !caller.body.empty(); });
  EXPECT_GE(on_.counted(), 1 << 20);
  on_.Run([&] { caller.call.reset(); });
  on_.Run([] {});
  EXPECT_LT(on_.counted(), 1 << 10);
}

TEST_F(RepliesTest, ACallerMayLeaveFromWithinAnything) {
  AnswerWith({"one", "two"});
  for (int heard = 1; heard <= 4; ++heard) {
    int left = heard;
    on_.Run([&] {
      callers_.push_back(std::make_unique<Caller>());
      Caller& caller = *callers_.back();
      caller.consumes = false;
      caller.on_anything = [&caller, &left] {
        if (--left == 0) caller.call.reset();
      };
      model::Headers block;
      for (const Field& field : HeadFields()) block.Add(field.name, field.value);
      caller.call = stub_->Start({std::make_shared<const model::Request>(absl::get<model::Request>(
                                      model::ParseRequest(std::move(block)))),
                                  "catalog:1", absl::nullopt, ""},
                                 caller);
      caller.call->Finish({});
    });
    Until([&] { return left == 0; });
  }
}

TEST_F(RepliesTest, AReplyMayEndBeforeTheRequest) {
  RawServer server([](const RawSeen&) {
    RawMessage reply{kRawHead, {Framed("enough")}, {{"grpc-status", "0"}}};
    reply.early = true;
    return reply;
  });
  Serve(server.address());
  Caller& caller = Begin(HeadFields(), Framed("one"), /*open=*/true);
  Await(caller);
  EXPECT_EQ(caller.body, Framed("enough"));
  EXPECT_EQ(caller.Value("grpc-status"), "0");
}

TEST_F(RepliesTest, ManyCallsRunSideBySide) {
  std::vector<Caller*> callers;
  for (int i = 0; i < 200; ++i) {
    callers.push_back(&Begin(HeadFields(), Framed(absl::StrCat("id-", i))));
  }
  for (int i = 0; i < 200; ++i) {
    Await(*callers[static_cast<size_t>(i)]);
    EXPECT_EQ(callers[static_cast<size_t>(i)]->body, Framed(absl::StrCat("reply to id-", i)));
  }
}

TEST_F(RepliesTest, TheChannelSaysInWhichStateItIs) {
  EXPECT_EQ(channel_->state(), upstream::EndpointState::kIdle);
  Ask();
  EXPECT_EQ(channel_->state(), upstream::EndpointState::kReady);
}

}  // namespace
}  // namespace singleflight::stub::testing
