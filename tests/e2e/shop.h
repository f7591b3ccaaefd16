// A shop with gRPC's own server reflection.

#ifndef SINGLEFLIGHT_TESTS_E2E_SHOP_H_
#define SINGLEFLIGHT_TESTS_E2E_SHOP_H_

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/grpcpp.h>

#include <atomic>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "shop/v1/shop.grpc.pb.h"

namespace singleflight::testing {

inline constexpr char kGet[] = "/shop.v1.Catalog/Get";
inline constexpr char kCount[] = "/shop.v1.Catalog/Count";
inline constexpr char kPut[] = "/shop.v1.Catalog/Put";
inline constexpr char kWatch[] = "/shop.v1.Catalog/Watch";

class Shop {
 public:
  // On a free port of loopback.
  Shop() : address_("127.0.0.1:0") { Open(); }

  void Open() {
    grpc::reflection::InitProtoReflectionServerBuilderPlugin();
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort(address_, grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(&catalog_);
    server_ = builder.BuildAndStart();
    address_ = absl::StrCat("127.0.0.1:", port);
  }
  void Close() { server_.reset(); }

  const std::string& address() const { return address_; }
  int calls() const { return catalog_.calls; }

 private:
  struct Catalog final : shop::v1::Catalog::Service {
    grpc::Status Get(grpc::ServerContext*, const shop::v1::GetRequest* request,
                     shop::v1::Item* item) override {
      return Answer(request->item(), item);
    }
    grpc::Status Count(grpc::ServerContext*, const shop::v1::GetRequest* request,
                       shop::v1::Item* item) override {
      return Answer(request->item(), item);
    }
    grpc::Status Put(grpc::ServerContext*, const shop::v1::PutRequest* request,
                     shop::v1::Item* item) override {
      return Answer(request->item(), item);
    }
    grpc::Status Watch(grpc::ServerContext*, const shop::v1::GetRequest* request,
                       grpc::ServerWriter<shop::v1::Item>* items) override {
      shop::v1::Item item;
      const grpc::Status status = Answer(request->item(), &item);
      items->Write(item);
      items->Write(item);
      return status;
    }
    grpc::Status Answer(const std::string& name, shop::v1::Item* item) {
      ++calls;
      item->set_name(name);
      return grpc::Status::OK;
    }
    std::atomic<int> calls{0};
  };

  std::string address_;
  Catalog catalog_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace singleflight::testing

#endif  // SINGLEFLIGHT_TESTS_E2E_SHOP_H_
