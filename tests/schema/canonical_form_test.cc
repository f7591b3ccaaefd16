// Serializations of one message have one form, and two messages never do. Protobuf's own C++ is
// what forms are compared with.

#include "server/model/canonical_form.h"

#include <gmock/gmock.h>
#include <google/protobuf/util/message_differencer.h>

#include "absl/strings/str_cat.h"
#include "tests/schema/random_messages.h"
#include "tests/schema/sets.h"

namespace singleflight::schema {
namespace {

using google::protobuf::Message;
using testing::Deterministic;
using testing::Dice;
using ::testing::Eq;
using ::testing::Optional;

// A type of messages, with its form.
class FormTest : public ::testing::TestWithParam<const char*> {
 protected:
  FormTest() {
    google::protobuf::FileDescriptorSet set = testing::SetOf("messages");
    auto& service = *set.add_file();
    service.set_name("service.proto");
    service.set_package("test");
    service.add_dependency("everything.proto");
    service.add_dependency("modern.proto");
    service.add_service()->set_name("Echo");
    for (const auto& [name, type] :
         {std::pair("Old", ".everything.Old"), {"Modern", ".modern.Message"}}) {
      auto& method = *service.mutable_service(0)->add_method();
      method.set_name(name);
      method.set_input_type(type);
      method.set_output_type(type);
    }
    auto read = Schema::Of(set);
    EXPECT_TRUE(read.ok()) << read.status();
    schema_ = *read;
    method_ = schema_->Find(absl::StrCat("/test.Echo/", GetParam()));
    form_ = Schema::FormOf(*method_);
  }

  std::unique_ptr<Message> New() {
    return std::unique_ptr<Message>(factory_.GetPrototype(method_->request)->New());
  }
  // Null: it is no such message.
  std::unique_ptr<Message> Parsed(const std::string& bytes) {
    std::unique_ptr<Message> message = New();
    return message->ParsePartialFromString(bytes) ? std::move(message) : nullptr;
  }
  std::unique_ptr<Message> Random(Dice& dice) {
    std::unique_ptr<Message> message = New();
    testing::Filler(dice).Fill(message.get(), 3);
    return message;
  }
  absl::optional<std::string> Form(const std::string& bytes) {
    std::string form;
    if (!form_->Write(bytes, &form)) return absl::nullopt;
    return form;
  }

  std::shared_ptr<const Schema> schema_;
  const Method* method_ = nullptr;
  std::shared_ptr<const model::CanonicalForm> form_;
  google::protobuf::DynamicMessageFactory factory_;
};

INSTANTIATE_TEST_SUITE_P(Types, FormTest, ::testing::Values("Old", "Modern"),
                         [](const auto& info) { return std::string(info.param); });

// So they meet, whoever wrote them; and two that are not the same never do, since what is compared
// is all of the message.
TEST_P(FormTest, EverySerializationHasTheFormThatProtobufCallsDeterministic) {
  int different = 0;
  for (uint64_t seed = 0; seed < 20'000; ++seed) {
    Dice dice(seed);
    const std::string plain = Deterministic(*Random(dice));
    const std::string other = testing::Scrambler(dice).Scramble(plain, *method_->request);
    different += other != plain ? 1 : 0;
    ASSERT_THAT(Form(other), Optional(Eq(plain))) << "seed " << seed;
    ASSERT_THAT(Form(plain), Optional(Eq(plain))) << "seed " << seed;
  }
  EXPECT_GT(different, 10'000);
}

// However bytes are cut or changed: what has a form is read by Protobuf as the same message as its
// form, and has no other form than that.
TEST_P(FormTest, AFormIsTheSameMessage) {
  int forms = 0, none = 0;
  for (uint64_t seed = 0; seed < 20'000; ++seed) {
    Dice dice(seed);
    std::string bytes =
        testing::Scrambler(dice).Scramble(Deterministic(*Random(dice)), *method_->request);
    if (bytes.empty()) continue;
    if (dice.Half()) {
      bytes.resize(dice.Below(static_cast<uint32_t>(bytes.size())));
    } else {
      bytes[dice.Below(static_cast<uint32_t>(bytes.size()))] ^=
          static_cast<char>(1 + dice.Below(255));
    }
    const absl::optional<std::string> form = Form(bytes);
    none += form.has_value() ? 0 : 1;
    if (!form.has_value()) continue;
    ASSERT_THAT(Form(*form), Optional(Eq(*form))) << "seed " << seed;
    const std::unique_ptr<Message> was = Parsed(bytes), is = Parsed(*form);
    if (was == nullptr || is == nullptr) continue;  // for what Protobuf says of texts
    if (Deterministic(*was) != Deterministic(*is)) {
      // An enum's value that the schema does not know is an unknown field to Protobuf, among
      // others.
      ASSERT_TRUE(google::protobuf::util::MessageDifferencer::Equals(*was, *is)) << "seed " << seed;
    }
    ++forms;
  }
  EXPECT_GT(forms, 1000);
  EXPECT_GT(none, 1000);
}

// Without a type: one field after the other, as bytes.
class DoubtTest : public FormTest {};
INSTANTIATE_TEST_SUITE_P(Types, DoubtTest, ::testing::Values("Modern"));
class OldDoubtTest : public FormTest {};
INSTANTIATE_TEST_SUITE_P(Types, OldDoubtTest, ::testing::Values("Old"));

std::string Bytes(std::initializer_list<int> bytes) {
  return std::string(bytes.begin(), bytes.end());
}

TEST_P(DoubtTest, WhatMayMeanTwoThingsHasNoForm) {
  const std::string doubts[] = {
      Bytes({0x08, 1, 0x08, 2}),                          // a field that may be there once, twice
      Bytes({0x08, 1, 0x08, 1}),                          // likewise, and the same
      Bytes({0x78, 1, 0x82, 1, 0}),                       // two of one oneof
      Bytes({0x18, 2}),                                   // a bool that is 2
      Bytes({0x08, 0x80, 0x80, 0x80, 0x80, 0x10}),        // more than 32 bits
      Bytes({0x0a, 1, 'x'}),                              // a text where a number is
      Bytes({0x30, 1}),                                   // a number where a text is
      Bytes({0x4a, 1, 0x08}),                             // a message inside that is cut short
      Bytes({0x52, 1, 0x80}),                             // a packed number that is cut short
      Bytes({0x8a, 1, 4, 0x0a, 0, 0x0a, 0}),              // a map's entry with two keys
      Bytes({0x8a, 1, 2, 0x18, 1}),                       // with something else
      Bytes({0x8a, 1, 2, 0x0a, 0, 0x8a, 1, 2, 0x0a, 0}),  // two entries of one key
      Bytes({0x4b, 0x4c}),                                // a group where a message is
  };
  for (const std::string& doubt : doubts) {
    EXPECT_EQ(Form(doubt), absl::nullopt) << ::testing::PrintToString(doubt);
  }
}

TEST_P(DoubtTest, DefaultsAreNothingUnlessTheirPresenceCounts) {
  EXPECT_THAT(Form(Bytes({0x08, 0, 0x18, 0, 0x32, 0, 0x40, 0})), Optional(Eq("")));
  EXPECT_THAT(Form(Bytes({0x68, 0})), Optional(Eq(Bytes({0x68, 0}))));
  EXPECT_THAT(Form(Bytes({0x4a, 0})), Optional(Eq(Bytes({0x4a, 0}))));
  EXPECT_THAT(Form(Bytes({0x78, 0})), Optional(Eq(Bytes({0x78, 0}))));
  const std::string minus_zero = Bytes({0x29, 0, 0, 0, 0, 0, 0, 0, 0x80});
  EXPECT_THAT(Form(minus_zero), Optional(Eq(minus_zero)));
  EXPECT_THAT(Form(Bytes({0x52, 0})), Optional(Eq("")));  // an empty list
}

TEST_P(DoubtTest, TheOrderOfAListCounts) {
  EXPECT_NE(Form(Bytes({0x50, 1, 0x50, 2})), Form(Bytes({0x50, 2, 0x50, 1})));
  EXPECT_EQ(Form(Bytes({0x50, 1, 0x50, 2})), Form(Bytes({0x52, 2, 1, 2})));
}

TEST_P(DoubtTest, UnknownFieldsStandLastInTheirOrder) {
  EXPECT_EQ(Form(Bytes({0xc0, 0x0c, 1, 0x08, 5})), Form(Bytes({0x08, 5, 0xc0, 0x0c, 1})));
  EXPECT_NE(Form(Bytes({0xc0, 0x0c, 1, 0xc8, 0x0c, 1})),
            Form(Bytes({0xc8, 0x0c, 1, 0xc0, 0x0c, 1})));
}

TEST_P(OldDoubtTest, GroupsAreTakenApart) {
  const std::string one = Bytes({0x8b, 1, 0x08, 1, 0x10, 2, 0x8c, 1});
  const std::string other = Bytes({0x8b, 1, 0x10, 2, 0x08, 1, 0x8c, 1});
  EXPECT_EQ(Form(one), Form(other));
  EXPECT_NE(Form(one), absl::nullopt);
  EXPECT_EQ(Form(one + other), absl::nullopt);
  EXPECT_EQ(Form(one.substr(0, one.size() - 1)), absl::nullopt);
}

// What a request costs its key has a bound.
TEST_P(DoubtTest, WhatIsVeryLongDeepOrManyHasNoForm) {
  const auto text = [](size_t size) {
    std::string bytes = "\x32";
    for (; size >= 0x80; size >>= 7) bytes.push_back(static_cast<char>(size | 0x80));
    return bytes + static_cast<char>(size);
  };
  EXPECT_NE(Form(text(1000) + std::string(1000, 'x')), absl::nullopt);
  EXPECT_EQ(
      Form(text(model::CanonicalForm::kLongest) + std::string(model::CanonicalForm::kLongest, 'x')),
      absl::nullopt);
  std::string many;
  for (size_t i = 0; i < model::CanonicalForm::kMostFields; ++i) many += Bytes({0x50, 1});
  EXPECT_NE(Form(many), absl::nullopt);
  EXPECT_EQ(Form(many + Bytes({0x50, 1})), absl::nullopt);
  std::string deep;
  for (size_t i = 1; i < model::CanonicalForm::kDeepest; ++i) {
    const std::string inside = deep;
    deep = Bytes({0x4a});
    size_t size = inside.size();
    for (; size >= 0x80; size >>= 7) deep.push_back(static_cast<char>(size | 0x80));
    deep += static_cast<char>(size) + inside;
  }
  EXPECT_NE(Form(deep), absl::nullopt);
  EXPECT_EQ(Form(Bytes({0x4a, static_cast<int>(deep.size() % 128 + 128),
                        static_cast<int>(deep.size() / 128)}) +
                 deep),
            absl::nullopt);
}

TEST_P(OldDoubtTest, TheFingerprintTellsSchemasApart) {
  EXPECT_EQ(form_->fingerprint(), Schema::FormOf(*method_)->fingerprint());
  EXPECT_NE(form_->fingerprint(),
            Schema::FormOf(*schema_->Find("/test.Echo/Modern"))->fingerprint());
}

}  // namespace
}  // namespace singleflight::schema
