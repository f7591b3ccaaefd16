#include "server/cache/scope.h"

#include <set>

#include "absl/strings/ascii.h"
#include "tests/cache/replies.h"

namespace singleflight::cache {
namespace {

TEST(ScopeTest, TheSameThingsHaveTheSameScope) {
  EXPECT_EQ(EverythingScope(), EverythingScope());
  EXPECT_EQ(KeyScope(KeyOf("id-7")), KeyScope(KeyOf("id-7")));
  EXPECT_EQ(MethodScope(kGet), MethodScope(kGet));
  EXPECT_EQ(TagScope("catalog", "shop", "kettles"), TagScope("catalog", "shop", "kettles"));
}

TEST(ScopeTest, OtherMethodsHaveOtherScopes) {
  EXPECT_FALSE(MethodScope("/shop.Catalog/Get") == MethodScope("/shop.Catalog/List"));
  EXPECT_FALSE(MethodScope("/shop.Catalog/Get") == MethodScope("/shop.catalog/get"));
}

TEST(ScopeTest, AGroupIsOneWithinItsUpstreamAndAuthority) {
  EXPECT_FALSE(TagScope("catalog", "shop", "a") == TagScope("stock", "shop", "a"));
  EXPECT_FALSE(TagScope("catalog", "shop", "a") == TagScope("catalog", "store", "a"));
  EXPECT_FALSE(TagScope("catalog", "shop", "a") == TagScope("catalog", "shop", "A"));
}

TEST(ScopeTest, TheCaseOfAnAuthorityDoesNotMatter) {
  const std::string longer = "a." + std::string(100, 'x') + ".shop.example:50051";
  EXPECT_EQ(TagScope("catalog", "Shop.Example", "a"), TagScope("catalog", "shop.example", "a"));
  EXPECT_EQ(TagScope("catalog", absl::AsciiStrToUpper(longer), "a"),
            TagScope("catalog", longer, "a"));
  EXPECT_FALSE(TagScope("catalog", longer, "a") == TagScope("catalog", longer + "x", "a"));
  EXPECT_FALSE(TagScope("Catalog", "shop", "a") == TagScope("catalog", "shop", "a"));
}

// PITFALLS 19
TEST(ScopeTest, PartsThatReadTheSameEndToEndAreToldApart) {
  const std::set<uint64_t> ids = {
      TagScope("ab", "c", "d").id, TagScope("a", "bc", "d").id, TagScope("a", "b", "cd").id,
      TagScope("abcd", "", "").id, TagScope("", "abcd", "").id, TagScope("", "", "abcd").id,
      MethodScope("abcd").id,
  };
  EXPECT_EQ(ids.size(), 7);
}

TEST(ScopeTest, AMethodAndATagNeverMeanTheSame) {
  EXPECT_FALSE(MethodScope("a") == TagScope("", "", "a"));
  EXPECT_NE(MethodScope("").id, TagScope("", "", "").id);
}

TEST(ScopeTest, AKeysScopeIsItsHash) {
  EXPECT_EQ(KeyScope({42, "id-7"}), (Scope{Scope::Kind::kKey, 42}));
  EXPECT_FALSE(KeyScope({42, "id-7"}) == KeyScope({43, "id-7"}));
}

}  // namespace
}  // namespace singleflight::cache
