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
  EXPECT_EQ(GroupScope("catalog", "shop", "kettles"), GroupScope("catalog", "shop", "kettles"));
}

TEST(ScopeTest, OtherMethodsHaveOtherScopes) {
  EXPECT_FALSE(MethodScope("/shop.Catalog/Get") == MethodScope("/shop.Catalog/List"));
  EXPECT_FALSE(MethodScope("/shop.Catalog/Get") == MethodScope("/shop.catalog/get"));
}

TEST(ScopeTest, AGroupIsOneWithinItsUpstreamAndAuthority) {
  EXPECT_FALSE(GroupScope("catalog", "shop", "a") == GroupScope("stock", "shop", "a"));
  EXPECT_FALSE(GroupScope("catalog", "shop", "a") == GroupScope("catalog", "store", "a"));
  EXPECT_FALSE(GroupScope("catalog", "shop", "a") == GroupScope("catalog", "shop", "A"));
}

TEST(ScopeTest, TheCaseOfAnAuthorityDoesNotMatter) {
  const std::string longer = "a." + std::string(100, 'x') + ".shop.example:50051";
  EXPECT_EQ(GroupScope("catalog", "Shop.Example", "a"), GroupScope("catalog", "shop.example", "a"));
  EXPECT_EQ(GroupScope("catalog", absl::AsciiStrToUpper(longer), "a"),
            GroupScope("catalog", longer, "a"));
  EXPECT_FALSE(GroupScope("catalog", longer, "a") == GroupScope("catalog", longer + "x", "a"));
  EXPECT_FALSE(GroupScope("Catalog", "shop", "a") == GroupScope("catalog", "shop", "a"));
}

// PITFALLS 19
TEST(ScopeTest, PartsThatReadTheSameEndToEndAreToldApart) {
  const std::set<uint64_t> ids = {
      GroupScope("ab", "c", "d").id, GroupScope("a", "bc", "d").id, GroupScope("a", "b", "cd").id,
      GroupScope("abcd", "", "").id, GroupScope("", "abcd", "").id, GroupScope("", "", "abcd").id,
      MethodScope("abcd").id,
  };
  EXPECT_EQ(ids.size(), 7);
}

TEST(ScopeTest, AnyGroupIsOneOfItsUpstreamAndAuthorityThatNoNameHas) {
  const Scope any = AnyGroupScope({"catalog", "shop", kGet});
  EXPECT_EQ(any, AnyGroupScope({"catalog", "SHOP", "/shop.Catalog/List"}));
  EXPECT_FALSE(any == AnyGroupScope({"stock", "shop", kGet}));
  EXPECT_FALSE(any == AnyGroupScope({"catalog", "store", kGet}));
  for (const char* name : {"", "any group", "*"}) {
    EXPECT_NE(any.id, GroupScope("catalog", "shop", name).id);
    EXPECT_EQ(any.home, GroupScope("catalog", "shop", name).home);
  }
}

TEST(ScopeTest, AMethodAndAGroupNeverMeanTheSame) {
  EXPECT_FALSE(MethodScope("a") == GroupScope("", "", "a"));
  EXPECT_NE(MethodScope("").id, GroupScope("", "", "").id);
}

TEST(ScopeTest, AKeysScopeIsItsHash) {
  EXPECT_EQ(KeyScope({42, "id-7"}), (Scope{Scope::Kind::kKey, 42}));
  EXPECT_FALSE(KeyScope({42, "id-7"}) == KeyScope({43, "id-7"}));
}

}  // namespace
}  // namespace singleflight::cache
