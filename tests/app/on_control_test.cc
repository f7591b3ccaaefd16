#include "server/app/on_control.h"

#include <gtest/gtest.h>

#include <thread>

namespace singleflight::app {
namespace {

using std::chrono::milliseconds;

TEST(OnControlTest, WorkIsDoneOnTheControlThread) {
  boost::asio::io_context control;
  OnControl on_control(control);
  std::thread::id worked;
  std::thread asking([&] {
    EXPECT_TRUE(
        on_control.Do(milliseconds(10'000), [&] { worked = std::this_thread::get_id(); }).ok());
  });
  while (control.run_one() == 0) control.restart();
  asking.join();
  EXPECT_EQ(worked, std::this_thread::get_id());
}

TEST(OnControlTest, WhatIsGivenUpIsNeverDone) {
  boost::asio::io_context control;
  OnControl on_control(control);
  bool done = false;
  EXPECT_EQ(on_control.Do(milliseconds(1), [&] { done = true; }).code(),
            absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(control.run(), 1u);
  EXPECT_FALSE(done);
}

TEST(OnControlTest, AfterCloseNothingIsDone) {
  boost::asio::io_context control;
  OnControl on_control(control);
  on_control.Close();
  EXPECT_EQ(on_control.Do(milliseconds(10'000), [] {}).code(), absl::StatusCode::kUnavailable);
}

TEST(OnControlTest, CloseEndsTheWaitOfThoseWhoAsk) {
  boost::asio::io_context control;
  OnControl on_control(control);
  std::thread asking([&] {
    EXPECT_EQ(on_control.Do(milliseconds(3'600'000), [] {}).code(), absl::StatusCode::kUnavailable);
  });
  on_control.Close();
  asking.join();
}

}  // namespace
}  // namespace singleflight::app
