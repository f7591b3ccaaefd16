// The seed of the keys' hash is a secret: someone who knows it can make thousands of keys of one
// hash, each of which is compared with all others. All that leaves the process is searched for it.

#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "server/app/app.h"
#include "tests/testing/http_get.h"
#include "tests/upstream/pool_fixture.h"

namespace singleflight::app {
namespace {

using upstream::testing::ScriptedServer;

constexpr uint64_t kSecret = 0x5eedc0de7badcafe;
constexpr model::KeyDigests::Secret kDigests = {0x0123456789abcdef, 0xfedcba9876543210};
constexpr uint64_t kHop = 0x1122334455667788;
constexpr uint64_t kJitter = 42;
constexpr uint64_t kTraces = 43;

// As it might be printed or copied, whole or by halves.
std::vector<std::string> FormsOf(uint64_t secret) {
  std::vector<std::string> forms = {absl::StrCat(secret), absl::StrCat(secret + 1)};
  for (const uint64_t half : {secret >> 32, secret & 0xffffffff}) {
    const auto narrow = static_cast<uint32_t>(half);
    forms.push_back(absl::StrCat(narrow));
    forms.push_back(absl::StrCat(absl::Hex(narrow)));
    forms.emplace_back(reinterpret_cast<const char*>(&narrow), sizeof(narrow));
  }
  return forms;
}

// The whole proxy in this process, before a backend, with one client.
class SecretsTest : public upstream::testing::PoolTest {
 protected:
  SecretsTest() {
    ::testing::internal::CaptureStderr();
    log_ = std::make_unique<Log>();
    ScriptedServer& backend = Serve();
    backend.serve = Echo;
    const auto loaded = config::Load(
        absl::StrCat("listeners: [{address: 127.0.0.1:0}]\nhealth: {address: 127.0.0.1:0}\n",
                     "upstreams: [{name: u, target: \"", backend.address(), "\"}]\n",
                     "routes: [{upstream: u, collapse: true, cache: {ttl: 1h}}]\n",
                     "threads: 1\nlog: {level: debug}\n"),
        "f.yaml", [](absl::string_view) { return absl::nullopt; });
    EXPECT_TRUE(loaded.ok()) << loaded.status();
    auto app = App::Build(*loaded, {"f.yaml",
                                    {kSecret, kDigests, kHop, kJitter, kTraces},
                                    absl::UnixEpoch,
                                    log_.get(),
                                    [] { return base::Instant(); },
                                    host::Service()});
    EXPECT_TRUE(app.ok()) << app.status();
    app_ = *std::move(app);
    running_ = std::thread([this] { app_->Run(); });
    MakePool({*net::ParseAddress(AddressBehind("listening on "))});
  }

  std::string AddressBehind(const std::string& words) const {
    const std::string text = app_->Announcement();
    const size_t begin = text.find(words) + words.size();
    return text.substr(begin, text.find(';', begin) - begin);
  }

  // What the backend got, callers got, and pages and log show, once the proxy has drained.
  std::string AllThatLeft() {
    std::string left = ::testing::PrintToString(servers_.front()->call(0).headers);
    for (const auto& caller : callers_) {
      left +=
          ::testing::PrintToString(caller->initial) + ::testing::PrintToString(caller->trailing);
    }
    for (const char* page : {"/metrics", "/status", "/readyz"}) {
      left += testing::HttpGet(AddressBehind("health on "), page).body;
    }
    Run([this] {
      callers_.clear();
      pool_.reset();
    });
    ::kill(::getpid(), SIGTERM);
    running_.join();
    app_.reset();
    log_.reset();
    return left + ::testing::internal::GetCapturedStderr();
  }

  std::unique_ptr<Log> log_;
  std::unique_ptr<App> app_;
  std::thread running_;
};

TEST_F(SecretsTest, NoSecretOfTheProcessLeavesIt) {
  const std::string message("\0\0\0\0\4id-7", 9);
  Await(Ask(message));
  Await(Ask(message));
  const std::string left = AllThatLeft();
  for (const char* proof : {"sf-1122334455667788", "singleflight; hit", "singleflight_calls_total",
                            "serving", "draining", "drained"}) {
    EXPECT_TRUE(absl::StrContains(left, proof)) << proof;
  }
  const std::string lower = absl::AsciiStrToLower(left);
  for (const uint64_t secret : {kSecret, kDigests[0], kDigests[1]}) {
    for (const std::string& form : FormsOf(secret)) {
      EXPECT_FALSE(absl::StrContains(left, form) || absl::StrContains(lower, form)) << form;
    }
  }
}

}  // namespace
}  // namespace singleflight::app
