// Windows: who may send how much, and who gets it back.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/http2/ends.h"

namespace singleflight::http2::testing {
namespace {

using Connected = http2::testing::Pair;

constexpr int32_t kStreamWindow = 64 << 10;
constexpr int32_t kConnectionWindow = 128 << 10;

SessionOptions Narrow() {
  SessionOptions options;
  options.stream_window_bytes = kStreamWindow;
  options.connection_window_bytes = kConnectionWindow;
  return options;
}

// Uploads of which the server's reader takes nothing unless told.
class UploadTest : public ::testing::Test {
 protected:
  UploadTest() : server_(Side::kServer, Narrow()) {
    server_.owner.prepare = [](Ear& ear) { ear.consume = false; };
    server_.Greet();
    connection_ = 65535 + server_.Refunded(0);
  }

  void Upload(int32_t stream, size_t bytes) {
    server_.SayHeaders(stream, RequestFields());
    for (size_t left = bytes; left > 0;) {
      const size_t n = std::min<size_t>(left, 16384);
      server_.Say(Data(stream, std::string(n, 'u')));
      left -= n;
    }
    sent_ += static_cast<int64_t>(bytes);
  }

  // What the client may still send on the connection.
  int64_t ConnectionWindow() { return 65535 + server_.Refunded(0) - sent_; }

  ByHand server_;
  int64_t connection_;
  int64_t sent_ = 0;
};

// PITFALLS 36
TEST_F(UploadTest, AThousandCancelledUploadsLeaveTheConnectionItsWindow) {
  for (int32_t stream = 1; stream < 2000; stream += 2) {
    Upload(stream, kStreamWindow);
    server_.Say(RstStream(stream, 8));
  }
  EXPECT_GE(ConnectionWindow(), kConnectionWindow / 2);
  Upload(2001, kStreamWindow);
  EXPECT_EQ(server_.owner.ears.back()->body.size(), static_cast<size_t>(kStreamWindow));
  EXPECT_EQ(server_.GoAwayError(), -1);
}

// PITFALLS 36
TEST_F(UploadTest, BytesForAStreamThatThisSideResetAreRefunded) {
  Upload(1, 1000);
  server_.ear().stream->Reset(ErrorCode::kCancel);
  for (int i = 0; i < 100; ++i) {
    server_.Say(Data(1, std::string(16384, 'x')));
    sent_ += 16384;
  }
  EXPECT_GE(ConnectionWindow(), kConnectionWindow / 2);
  EXPECT_EQ(server_.GoAwayError(), -1);
  EXPECT_EQ(server_.ear().body.size(), 1000u);
}

// PITFALLS 36
TEST_F(UploadTest, PaddingIsRefunded) {
  server_.SayHeaders(1, RequestFields());
  std::string padded = "\xffx";  // 255 bytes of padding behind one that is said
  padded.resize(padded.size() + 255);
  for (int i = 0; i < 200; ++i) {
    server_.Say(Frame{kData, kPadded, 1, padded});
    sent_ += static_cast<int64_t>(padded.size());
  }
  EXPECT_EQ(server_.ear().body.size(), 200u);
  EXPECT_GE(ConnectionWindow(), kConnectionWindow / 2);
}

// PITFALLS 13
TEST_F(UploadTest, AStreamThatNobodyReadsDoesNotHoldTheConnectionsWindow) {
  Upload(1, kStreamWindow);
  Upload(3, kStreamWindow);
  Upload(5, kStreamWindow);
  EXPECT_EQ(server_.ear(2).body.size(), static_cast<size_t>(kStreamWindow));
  EXPECT_EQ(server_.Refunded(1), 0);
  EXPECT_GE(ConnectionWindow(), kConnectionWindow / 2);
}

TEST_F(UploadTest, AStreamsWindowOpensAsItsReaderConsumes) {
  Upload(1, kStreamWindow);
  server_.ear().stream->Consume(kStreamWindow);
  server_.Listen();
  EXPECT_EQ(server_.Refunded(1), kStreamWindow);
}

TEST_F(UploadTest, AClientThatOverrunsAStreamsWindowLosesTheStream) {
  Upload(1, kStreamWindow + 1);
  EXPECT_EQ(server_.ResetOf(1), 3) << "FLOW_CONTROL_ERROR";
  Upload(3, 10);
  EXPECT_EQ(server_.ear(1).body.size(), 10u);
}

// A reply that the client's windows let through only bit by bit.
class DownloadTest : public ::testing::Test {
 protected:
  DownloadTest() : server_(Side::kServer) {}

  Stream& Ask(int32_t stream) {
    server_.Ask(stream);
    Stream& served = *server_.owner.ears.back()->stream;
    served.SendHeaders(Block(ReplyFields()), false);
    return served;
  }

  ByHand server_;
};

TEST_F(DownloadTest, AWindowOfZeroHoldsDataBackAndNothingElse) {
  server_.Greet({{kInitialWindowSize, 0}});
  Stream& stream = Ask(1);
  stream.Send(base::Slice("kettle"));
  stream.Finish(Trailing({{"grpc-status", "0"}}));
  server_.Listen();
  EXPECT_EQ(server_.Heard(kHeaders, 1).size(), 1u);
  EXPECT_TRUE(server_.Heard(kData).empty());
  server_.Say(WindowUpdate(1, 3));
  EXPECT_EQ(server_.BodyOf(1), "ket");
  server_.Say(WindowUpdate(1, 100));
  EXPECT_EQ(server_.BodyOf(1), "kettle");
  EXPECT_EQ(server_.ear().sent, 6u);
  EXPECT_EQ(server_.Heard(kHeaders, 1).size(), 2u);
}

TEST_F(DownloadTest, LargerInitialWindowsApplyToRunningStreams) {
  server_.Greet({{kInitialWindowSize, 0}});
  Ask(1).Send(base::Slice("kettle"));
  server_.Say(Settings({{kInitialWindowSize, 65535}}));
  EXPECT_EQ(server_.BodyOf(1), "kettle");
}

TEST_F(DownloadTest, AReplyWithoutABodyNeedsNoWindow) {
  server_.Greet({{kInitialWindowSize, 0}});
  Ask(1).Finish(Trailing({{"grpc-status", "5"}}));
  server_.Listen();
  EXPECT_EQ(server_.Heard(kHeaders, 1).size(), 2u);
  EXPECT_TRUE(server_.ear().EndedAs(Closed::Why::kOrderly));
}

TEST_F(DownloadTest, TrailersFollowABodyThatFilledTheWindow) {
  server_.Greet({{kInitialWindowSize, 6}});
  Stream& stream = Ask(1);
  stream.Send(base::Slice("kettle"));
  server_.Listen();
  EXPECT_EQ(server_.BodyOf(1), "kettle");
  stream.Finish(Trailing({{"grpc-status", "0"}}));
  server_.Listen();
  ASSERT_EQ(server_.Heard(kHeaders, 1).size(), 2u);
  EXPECT_TRUE(server_.Heard(kHeaders, 1)[1].Has(kEndStream));
  EXPECT_TRUE(server_.ear().EndedAs(Closed::Why::kOrderly));
  EXPECT_EQ(server_.session.streams(), 0u);
}

TEST_F(DownloadTest, TrailersWaitForTheBodyThatIsBeforeThem) {
  server_.Greet({{kInitialWindowSize, 3}});
  Stream& stream = Ask(1);
  stream.Send(base::Slice("kettle"));
  server_.Listen();
  stream.Finish(Trailing({{"grpc-status", "0"}}));
  server_.Listen();
  EXPECT_EQ(server_.Heard(kHeaders, 1).size(), 1u);
  server_.Say(WindowUpdate(1, 3));
  EXPECT_EQ(server_.BodyOf(1), "kettle");
  EXPECT_EQ(server_.Heard(kHeaders, 1).size(), 2u);
}

TEST_F(DownloadTest, ABulkStreamDoesNotStarveASmallOne) {
  server_.Greet({{kInitialWindowSize, 1 << 24}});
  server_.Say(WindowUpdate(0, 1 << 24));
  Stream& bulk = Ask(1);
  bulk.Send(base::Slice(std::string(8 << 20, 'b')));
  Stream& small = Ask(3);
  small.Send(base::Slice("small"));
  small.Finish(Trailing({{"grpc-status", "0"}}));
  std::string out;
  server_.session.Produce(&out, 256 << 10);
  std::string of_small;
  for (const Frame& frame : TakeFrames(out)) {
    if (frame.type == kData && frame.stream == 3) of_small += frame.payload;
  }
  EXPECT_EQ(of_small, "small");
}

TEST_F(DownloadTest, WhatIsProducedAtOnceIsBounded) {
  server_.Greet({{kInitialWindowSize, 1 << 24}});
  server_.Say(WindowUpdate(0, 1 << 24));
  Ask(1).Send(base::Slice(std::string(8 << 20, 'b')));
  std::string out;
  server_.session.Produce(&out, 64 << 10);
  EXPECT_LE(out.size(), (64 << 10) + 16384u + 9);
}

// PITFALLS 29
TEST_F(DownloadTest, OneReplyIsReadByManyStreamsWithoutACopyEach) {
  server_.Greet({{kInitialWindowSize, 0}});
  auto bytes = std::make_shared<const std::string>(1 << 20, 'r');
  for (int32_t stream = 1; stream < 200; stream += 2) {
    Ask(stream).Send(base::Slice(bytes, *bytes));
  }
  server_.Listen();
  EXPECT_EQ(bytes.use_count(), 101);
}

TEST_F(DownloadTest, AResetBehindDataFollowsABodyThatFilledTheWindow) {
  server_.Greet({{kInitialWindowSize, 6}});
  Stream& stream = Ask(1);
  stream.Send(base::Slice("kettle"));
  stream.ResetBehindData(ErrorCode::kCancel);
  server_.Listen();
  EXPECT_EQ(server_.BodyOf(1), "kettle");
  EXPECT_EQ(server_.ResetOf(1), 8);
  EXPECT_EQ(server_.session.streams(), 0u);
}

TEST_F(DownloadTest, AResetDropsWhatWaited) {
  server_.Greet({{kInitialWindowSize, 0}});
  auto bytes = std::make_shared<const std::string>(1 << 20, 'r');
  Ask(1).Send(base::Slice(bytes, *bytes));
  server_.Say(RstStream(1, 8));
  EXPECT_EQ(bytes.use_count(), 1);
  server_.Say(WindowUpdate(0, 1 << 20));
  EXPECT_TRUE(server_.Heard(kData).empty());
}

}  // namespace
}  // namespace singleflight::http2::testing
