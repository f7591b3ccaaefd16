// A backend's descriptors by server reflection: of servers that nobody would have. (The program
// must not hold gRPC's own reflection, which would join every server of it.)

#include "server/stub/reflection.h"

#include <gmock/gmock.h>
#include <google/protobuf/descriptor.pb.h>
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/grpcpp.h>

#include <condition_variable>
#include <functional>
#include <mutex>

#include "absl/strings/str_cat.h"
#include "singleflight/reflection/v1/reflection.pb.h"
#include "tests/stub/fake_reflection.h"
#include "tests/stub/reflection_fixture.h"

namespace singleflight::stub {
namespace {

using ::testing::AllOf;
using ::testing::Eq;
using testing::FakeReflection;
using ::testing::HasSubstr;
using testing::kV1;
using testing::kV1Alpha;
using ::testing::Optional;
using testing::Request;
using testing::Response;

class FakeReflectionTest : public testing::ReflectionTest {
 protected:
  Reflection::Answer AskFake(const FakeReflection& fake) {
    options_.target = fake.address();
    return Ask();
  }
};

// The file of a service, which imports another.
Response FileOf(const std::string& name, const std::string& import = "") {
  google::protobuf::FileDescriptorProto file;
  file.set_name(name);
  if (!import.empty()) file.add_dependency(import);
  Response response;
  response.mutable_file_descriptor_response()->add_file_descriptor_proto(file.SerializeAsString());
  return response;
}

Response Services(int count) {
  Response response;
  for (int i = 0; i < count; ++i) {
    response.mutable_list_services_response()->add_service()->set_name(absl::StrCat("s.S", i));
  }
  return response;
}

Response ErrorOf(int code) {
  Response response;
  response.mutable_error_response()->set_error_code(code);
  response.mutable_error_response()->set_error_message("not you");
  return response;
}

// A service whose file imports a second one.
Response AnswerTo(const Request& request) {
  if (request.has_list_services()) return Services(1);
  if (request.has_file_containing_symbol()) return FileOf("a.proto", "b.proto");
  return FileOf(request.file_by_filename());
}

int FilesOf(const Reflection::Answer& answer) {
  google::protobuf::FileDescriptorSet set;
  EXPECT_TRUE(set.ParseFromString(answer.descriptor_set));
  return set.file_size();
}

TEST_F(FakeReflectionTest, ImportsThatDidNotComeAlongAreAskedFor) {
  FakeReflection fake(kV1, AnswerTo);
  EXPECT_EQ(FilesOf(AskFake(fake)), 2);
}

TEST_F(FakeReflectionTest, TheFirstVersionIsAskedWhereThereIsNoOther) {
  FakeReflection fake(kV1Alpha, AnswerTo);
  EXPECT_EQ(FilesOf(AskFake(fake)), 2);
}

TEST_F(FakeReflectionTest, AServiceWithoutAFileIsLeftOut) {
  FakeReflection fake(kV1, [](const Request& request) {
    if (request.has_list_services()) return Services(3);
    return request.file_containing_symbol() == "s.S1" ? ErrorOf(5) : AnswerTo(request);
  });
  EXPECT_EQ(FilesOf(AskFake(fake)), 2);
}

TEST_F(FakeReflectionTest, AFileThatNeverComesIsAskedForOnce) {
  int asked = 0;
  FakeReflection fake(kV1, [&asked](const Request& request) {
    if (!request.has_file_by_filename()) return AnswerTo(request);
    ++asked;
    return ErrorOf(5);
  });
  EXPECT_EQ(FilesOf(AskFake(fake)), 1);
  EXPECT_EQ(asked, 1);
}

TEST_F(FakeReflectionTest, AServerWithoutReflectionIsTold) {
  FakeReflection fake("/other.Service/Method", AnswerTo);
  EXPECT_THAT(AskFake(fake).failure, Optional(ReflectionFailure::kUnimplemented));
}

TEST_F(FakeReflectionTest, AServerThatRefusesIsTold) {
  FakeReflection fake(kV1, [](const Request&) { return ErrorOf(7); });
  const Reflection::Answer answer = AskFake(fake);
  EXPECT_THAT(answer.failure, Optional(ReflectionFailure::kRefused));
  EXPECT_THAT(answer.why, HasSubstr("not you"));
}

TEST_F(FakeReflectionTest, NobodyThereIsNoReasonToWait) {
  options_.target = "127.0.0.1:1";
  EXPECT_THAT(Ask().failure, Optional(ReflectionFailure::kUnreachable));
}

TEST_F(FakeReflectionTest, ListedEndpointsAreAskedUntilOneAnswers) {
  FakeReflection fake(kV1, AnswerTo);
  options_.endpoints = {"127.0.0.1:1", fake.address()};
  EXPECT_EQ(FilesOf(Ask()), 2);
}

TEST_F(FakeReflectionTest, LocalhostIsAskedWithoutALookUp) {
  FakeReflection fake(kV1, AnswerTo);
  options_.target = "LocalHost" + fake.address().substr(fake.address().rfind(':'));
  EXPECT_EQ(FilesOf(Ask()), 2);
}

TEST_F(FakeReflectionTest, ASilentServerHasADeadline) {
  FakeReflection fake(kV1, FakeReflection::Silent());
  options_.target = fake.address();
  EXPECT_THAT(Ask(absl::Milliseconds(100)).failure, Optional(ReflectionFailure::kSilent));
}

TEST_F(FakeReflectionTest, WhoeverLeavesDoesNotWait) {
  FakeReflection fake(kV1, FakeReflection::Silent());
  options_.target = fake.address();
  {
    const Reflection asking(options_, "catalog:1", absl::Hours(1),
                            [](Reflection::Answer) { ADD_FAILURE() << "nobody asks any more"; });
    fake.WaitForQuestion();
  }
}

TEST_F(FakeReflectionTest, AServerThatSaysTooMuchIsNotHeardToItsEnd) {
  int files = 0;
  FakeReflection endless(kV1, [&files](const Request& request) {
    if (!request.has_file_by_filename()) return AnswerTo(request);
    ++files;
    return FileOf(request.file_by_filename(), absl::StrCat(files, ".proto"));
  });
  EXPECT_THAT(AskFake(endless).failure, Optional(ReflectionFailure::kTooLarge));
  EXPECT_LE(files, static_cast<int>(Reflection::kMostFiles) + 1);

  FakeReflection many(kV1, [](const Request&) {
    return Services(static_cast<int>(Reflection::kMostServices) + 1);
  });
  EXPECT_THAT(AskFake(many).failure, Optional(ReflectionFailure::kTooLarge));

  FakeReflection large(kV1, [](const Request& request) {
    if (request.has_list_services()) return Services(3);
    return FileOf(absl::StrCat(request.file_containing_symbol(),
                               std::string(Reflection::kMostBytes / 2, 'x')));
  });
  EXPECT_THAT(AskFake(large).failure, Optional(ReflectionFailure::kTooLarge));

  FakeReflection huge(kV1, [](const Request& request) {
    if (request.has_list_services()) return Services(1);
    return FileOf(std::string(Reflection::kMostBytes + 1, 'x'));
  });
  EXPECT_THAT(AskFake(huge).failure, Optional(ReflectionFailure::kTooLarge));
}

TEST_F(FakeReflectionTest, WhatIsNoFileIsToldApart) {
  FakeReflection fake(kV1, [](const Request& request) {
    if (request.has_list_services()) return Services(1);
    Response response;
    response.mutable_file_descriptor_response()->add_file_descriptor_proto("\xff");
    return response;
  });
  EXPECT_THAT(AskFake(fake).failure, Optional(ReflectionFailure::kMalformed));
}

}  // namespace
}  // namespace singleflight::stub
