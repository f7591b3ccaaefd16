// How calls are drawn for the sample.

#include "server/survey/draw.h"

#include <gtest/gtest.h>

namespace singleflight::survey {
namespace {

// What the drawn of so many calls stand for.
uint64_t Counted(Draw& draw, uint64_t calls) {
  uint64_t counted = 0;
  for (uint64_t i = 0; i < calls; ++i) {
    if (draw.Takes()) counted += draw.Weight();
  }
  return counted;
}

TEST(DrawTest, LittleTrafficIsCountedWhole) {
  Draw draw(0);
  EXPECT_EQ(Counted(draw, Draw::kWhole), Draw::kWhole);
}

TEST(DrawTest, TheDrawnStandForAll) {
  for (uint64_t seed = 0; seed < 8; ++seed) {
    Draw draw(seed);
    EXPECT_NEAR(static_cast<double>(Counted(draw, 1'000'000)), 1e6, 2e4) << seed;
  }
}

// Every 64th call is of another kind: counting would see all of these or none.
TEST(DrawTest, RhythmsOfTrafficAreSeen) {
  Draw draw(0);
  uint64_t seen = 0;
  for (uint64_t i = 0; i < 2'000'000; ++i) {
    if (!draw.Takes()) continue;
    const uint32_t weight = draw.Weight();
    if (i % 64 == 0) seen += weight;
  }
  EXPECT_NEAR(static_cast<double>(seen), 2e6 / 64, 8e3);
}

}  // namespace
}  // namespace singleflight::survey
