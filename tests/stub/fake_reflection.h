// A server that answers reflection as a test says.

#ifndef SINGLEFLIGHT_TESTS_STUB_FAKE_REFLECTION_H_
#define SINGLEFLIGHT_TESTS_STUB_FAKE_REFLECTION_H_

#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/grpcpp.h>

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "singleflight/reflection/v1/reflection.pb.h"
#include "tests/testing/grpc_callbacks.h"

namespace singleflight::stub::testing {

using Request = reflection::v1::ServerReflectionRequest;
using Response = reflection::v1::ServerReflectionResponse;

inline constexpr char kV1[] = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
inline constexpr char kV1Alpha[] = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo";

class FakeReflection {
 public:
  // Answers one question, on a thread of gRPC's; empty: none ever.
  using AnswerTo = std::function<Response(const Request&)>;
  static AnswerTo Silent() { return nullptr; }

  FakeReflection(std::string method, AnswerTo answer_to)
      : method_(std::move(method)), answer_to_(std::move(answer_to)), service_(*this) {
    singleflight::testing::KeepGrpcCallbacks();
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterCallbackGenericService(&service_);
    server_ = builder.BuildAndStart();
    address_ = absl::StrCat("127.0.0.1:", port);
  }

  ~FakeReflection() { server_->Shutdown(std::chrono::system_clock::time_point()); }

  const std::string& address() const { return address_; }

  void WaitForQuestion() {
    std::unique_lock lock(mu_);
    changed_.wait(lock, [this] { return questions_ > 0; });
  }

 private:
  class Stream final : public grpc::ServerGenericBidiReactor {
   public:
    explicit Stream(FakeReflection& fake) : fake_(fake) { StartRead(&in_); }

    void OnReadDone(bool ok) override {
      if (!ok) return Finish(grpc::Status::OK);
      fake_.Asked();
      if (fake_.answer_to_ == nullptr) return;
      Request request;
      if (!Parse(&request)) return Finish(grpc::Status(grpc::StatusCode::INTERNAL, "no request"));
      const std::string bytes = fake_.answer_to_(request).SerializeAsString();
      const grpc::Slice slice(bytes);
      out_ = grpc::ByteBuffer(&slice, 1);
      StartWrite(&out_);
    }
    void OnWriteDone(bool ok) override {
      if (ok)
        StartRead(&in_);
      else
        Finish(grpc::Status::OK);
    }
    void OnCancel() override {
      if (fake_.answer_to_ == nullptr) Finish(grpc::Status::CANCELLED);
    }
    void OnDone() override { delete this; }

   private:
    bool Parse(Request* request) {
      grpc::Slice slice;
      return in_.DumpToSingleSlice(&slice).ok() &&
             request->ParseFromArray(slice.begin(), static_cast<int>(slice.size()));
    }

    FakeReflection& fake_;
    grpc::ByteBuffer in_, out_;
  };

  class Nothing final : public grpc::ServerGenericBidiReactor {
   public:
    Nothing() { Finish(grpc::Status(grpc::StatusCode::UNIMPLEMENTED, "")); }
    void OnDone() override { delete this; }
  };

  class Service final : public grpc::CallbackGenericService {
   public:
    explicit Service(FakeReflection& fake) : fake_(fake) {}
    grpc::ServerGenericBidiReactor* CreateReactor(
        grpc::GenericCallbackServerContext* context) override {
      if (context->method() != fake_.method_) return new Nothing();
      return new Stream(fake_);
    }

   private:
    FakeReflection& fake_;
  };

  void Asked() {
    const std::lock_guard lock(mu_);
    ++questions_;
    changed_.notify_all();
  }

  const std::string method_;
  const AnswerTo answer_to_;
  std::mutex mu_;
  std::condition_variable changed_;
  int questions_ = 0;
  Service service_;
  std::unique_ptr<grpc::Server> server_;
  std::string address_;
};

}  // namespace singleflight::stub::testing

#endif  // SINGLEFLIGHT_TESTS_STUB_FAKE_REFLECTION_H_
