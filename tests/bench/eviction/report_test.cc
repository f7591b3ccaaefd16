#include "tests/bench/eviction/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace singleflight::bench {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

class ReportTest : public ::testing::Test {
 protected:
  const std::vector<PolicyKind> policies_ = {{"lru", MakeLru}, {"product", MakeProduct}};
  const std::vector<Row> rows_ = {{"web", 100, 10, 0.1, 1024, {{20, 10}, {30.5, 9}}},
                                  {"web", 100, 10, 1, 10240, {{40, 20}, {39.75, 25}}}};
};

TEST_F(ReportTest, MarkdownMarksTheBestOfEachRowAndComparesWithLru) {
  EXPECT_THAT(MarkdownReport(policies_, rows_), HasSubstr("**Hits, per cent of requests**\n\n"
                                                          "| trace, size | lru | product |\n"
                                                          "|---|--:|--:|\n"
                                                          "| web 0.1 % | 20.00 | **30.50** |\n"
                                                          "| web 1 % | **40.00** | 39.75 |\n"
                                                          "| mean | 30.00 | 35.12 |\n"
                                                          "| rows above lru |  | 1 of 2 |\n"
                                                          "| worst row less lru |  | -0.25 |\n"));
}

TEST_F(ReportTest, TheTableHasBytesAsWell) {
  EXPECT_THAT(TableReport(policies_, rows_), HasSubstr("Hits, per cent of bytes"));
}

TEST_F(ReportTest, JsonHasOneObjectForEachCell) {
  const std::vector<Row> rows = {{"a \"b\"\n", 100, 10, 0.1, 1024, {{20, 10}}}};
  EXPECT_EQ(JsonReport({policies_[0]}, rows),
            "[\n"
            R"({"trace": "a \"b\"\u000a", "requests": 100, "objects": 10, "size_percent": 0.1, )"
            R"("max_bytes": 1024, "policy": "lru", "request_hit_percent": 20.0000, )"
            R"("byte_hit_percent": 10.0000})"
            "\n]\n");
}

TEST_F(ReportTest, NoRowsMakeNoTable) { EXPECT_THAT(TableReport(policies_, {}), IsEmpty()); }

}  // namespace
}  // namespace singleflight::bench
