// TLS between two ends of a wire in memory: what goes in comes out, whatever the wire lets through,
// and peers that do not belong together part with words.

#include "server/tls/stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <algorithm>
#include <cerrno>
#include <string>

#include "tests/http2/on_worker.h"
#include "tests/testing/certificates.h"

namespace singleflight::tls {
namespace {

using singleflight::testing::Authority;
using singleflight::testing::CertificateFiles;
using ::testing::HasSubstr;
using Outcome = net::ByteStream::Outcome;

// One direction of a wire.
struct Lane {
  std::string bytes;
  bool ended = false;
  size_t room = 1 << 20;  // what it holds at most
  absl::AnyInvocable<void()> on_readable, on_writable;
};

// One end of it.
class MemoryStream final : public net::ByteStream {
 public:
  MemoryStream(net::Worker& worker, std::shared_ptr<Lane> in, std::shared_ptr<Lane> out)
      : worker_(worker), in_(std::move(in)), out_(std::move(out)) {}

  Result Read(char* bytes, size_t room) override {
    if (in_->bytes.empty()) return {in_->ended ? Outcome::kEnd : Outcome::kWouldBlock};
    const size_t n = std::min(room, in_->bytes.size());
    std::copy_n(in_->bytes.data(), n, bytes);
    in_->bytes.erase(0, n);
    Ring(in_->on_writable);
    return {Outcome::kDone, n};
  }
  Result Write(absl::string_view bytes) override {
    if (*closed_) return {Outcome::kFailed, 0, EPIPE};
    const size_t n = std::min(bytes.size(), out_->room - std::min(out_->room, out_->bytes.size()));
    if (n == 0) return {Outcome::kWouldBlock};
    out_->bytes.append(bytes.data(), n);
    Ring(out_->on_readable);
    return {Outcome::kDone, n};
  }
  void WhenReadable(absl::AnyInvocable<void()> callback) override {
    in_->on_readable = Unless(closed_, std::move(callback));
    if (!in_->bytes.empty() || in_->ended) Ring(in_->on_readable);
  }
  void WhenWritable(absl::AnyInvocable<void()> callback) override {
    out_->on_writable = Unless(closed_, std::move(callback));
    if (out_->bytes.size() < out_->room) Ring(out_->on_writable);
  }
  void EndWriting() override {
    out_->ended = true;
    Ring(out_->on_readable);
  }
  void Close() override {
    *closed_ = true;
    in_->on_readable = nullptr;
    out_->on_writable = nullptr;
    EndWriting();
  }

 private:
  using Callback = absl::AnyInvocable<void()>;
  static Callback Unless(std::shared_ptr<bool> closed, Callback callback) {
    return [closed = std::move(closed), callback = std::move(callback)]() mutable {
      if (!*closed) callback();
    };
  }
  void Ring(absl::AnyInvocable<void()>& callback) {
    if (!callback) return;
    worker_.Post([callback = std::exchange(callback, nullptr)]() mutable { callback(); });
  }

  net::Worker& worker_;
  const std::shared_ptr<Lane> in_, out_;
  const std::shared_ptr<bool> closed_ = std::make_shared<bool>(false);
};

// A stream, and a reader and a writer on it that go on as far as they can.
struct End {
  std::unique_ptr<Stream> stream;
  absl::optional<absl::Status> handshake;
  std::string to_send, received;
  size_t room = 64 << 10;  // of each Read
  absl::optional<net::ByteStream::Result> ended;

  bool ready() const { return handshake.has_value() && handshake->ok(); }

  void Handshake() {
    stream->Handshake([this](absl::Status status) {
      handshake = status;
      if (status.ok()) return Listen();
      stream->Close();
    });
  }
  // As http2::Connection does it.
  void Listen() {
    stream->WhenReadable([this] {
      std::string bytes(room, '\0');
      const net::ByteStream::Result read = stream->Read(bytes.data(), bytes.size());
      if (read.outcome == Outcome::kDone) received.append(bytes, 0, read.size);
      if (read.outcome == Outcome::kEnd || read.outcome == Outcome::kFailed) {
        ended = read;
      } else {
        Listen();
      }
    });
  }
  void Send(std::string bytes) {
    to_send += bytes;
    Push();
  }
  void Push() {
    const net::ByteStream::Result written = stream->Write(to_send);
    if (written.outcome == Outcome::kDone) to_send.erase(0, written.size);
    if (!to_send.empty()) stream->WhenWritable([this] { Push(); });
  }
  std::string why() const {
    return ended.has_value() ? stream->WhyFailed(ended->error) : "goes on";
  }
};

// A client on OpenSSL alone, which may do what Stream never would. It writes as it likes.
class RawClient {
 public:
  RawClient(const SharedContext& context, std::shared_ptr<Lane> in, MemoryStream out)
      : in_lane_(std::move(in)), out_(std::move(out)), ssl_(SSL_new(context->native())) {
    SSL_set_bio(ssl_, in_, written_);
    SSL_set_connect_state(ssl_);
  }
  ~RawClient() { SSL_free(ssl_); }

  // True once the handshake is over.
  bool Handshake() {
    Hear();
    const bool over = SSL_do_handshake(ssl_) == 1;
    Say();
    return over;
  }
  // Records of key updates, which ask for the peer's if `asks`.
  std::string KeyUpdates(int times, bool asks) {
    for (int i = 0; i < times; ++i) {
      SSL_key_update(ssl_, asks ? SSL_KEY_UPDATE_REQUESTED : SSL_KEY_UPDATE_NOT_REQUESTED);
      EXPECT_EQ(SSL_do_handshake(ssl_), 1);
    }
    return Written();
  }
  std::string Record(const std::string& bytes) {
    SSL_write(ssl_, bytes.data(), static_cast<int>(bytes.size()));
    return Written();
  }
  std::string Read() {
    Hear();
    std::string bytes(1 << 16, '\0');
    const int size = SSL_read(ssl_, bytes.data(), static_cast<int>(bytes.size()));
    return bytes.substr(0, static_cast<size_t>(std::max(size, 0)));
  }
  void Say(const std::string& records) { out_.Write(records); }

 private:
  void Hear() {
    BIO_write(in_, in_lane_->bytes.data(), static_cast<int>(in_lane_->bytes.size()));
    in_lane_->bytes.clear();
  }
  std::string Written() {
    char* bytes = nullptr;
    const long size = BIO_get_mem_data(written_, &bytes);
    std::string all(bytes, static_cast<size_t>(size));
    BIO_reset(written_);
    return all;
  }
  void Say() { Say(Written()); }

  const std::shared_ptr<Lane> in_lane_;
  MemoryStream out_;
  BIO* const in_ = BIO_new(BIO_s_mem());
  BIO* const written_ = BIO_new(BIO_s_mem());
  SSL* const ssl_;
};

class TlsStreamTest : public ::testing::Test {
 protected:
  ~TlsStreamTest() override {
    Run([this] { Hang(); });
    Run([] {});
    on_.Stop();
  }

  static SharedContext Right(Context::Made made) {
    if (const auto* mistakes = absl::get_if<Mistakes>(&made)) {
      ADD_FAILURE() << mistakes->front().what;
    }
    return absl::get<SharedContext>(std::move(made));
  }
  SharedContext Server(const CertificateFiles& files, const std::string& client_ca = "") {
    return Right(Context::ForListener({files.certificate, files.private_key, client_ca}));
  }
  SharedContext Client(const ClientOptions& options, absl::string_view host = "h.example") {
    return Right(Context::ForUpstream(options, host));
  }

  void Hang() {
    for (End* end : {&client_, &server_}) {
      if (end->stream != nullptr) end->stream->Close();
      *end = End();
    }
  }

  // Both ends, and what they make of each other.
  void Meet(SharedContext client, SharedContext server,
            std::shared_ptr<Resumption> resumption = nullptr) {
    Run([&] {
      Hang();
      Plug();
      client_.stream = std::make_unique<Stream>(
          on_.worker(), std::make_unique<MemoryStream>(on_.worker(), down_, up_), std::move(client),
          std::move(resumption));
      server_.stream = std::make_unique<Stream>(
          on_.worker(), std::make_unique<MemoryStream>(on_.worker(), up_, down_),
          std::move(server));
      client_.Handshake();
      server_.Handshake();
    });
    on_.Until([&] { return client_.handshake.has_value() && server_.handshake.has_value(); });
  }
  void Plug() {
    up_ = std::make_shared<Lane>();
    down_ = std::make_shared<Lane>();
    up_->room = down_->room = room_;
  }
  // Two that get on.
  void MeetAsFriends() { Meet(Client({authority_.ca(), "", "", ""}), Server(own_)); }

  // A server, and a client of the test's own; they have shaken hands.
  void MeetRaw() {
    Run([&] {
      Plug();
      server_.stream = std::make_unique<Stream>(
          on_.worker(), std::make_unique<MemoryStream>(on_.worker(), up_, down_), Server(own_));
      server_.Handshake();
      raw_.emplace(Client({authority_.ca(), "", "", ""}), down_,
                   MemoryStream(on_.worker(), down_, up_));
    });
    Until([&] { return raw_->Handshake() && server_.ready(); });
  }

  static std::string Words(const End& end) { return std::string(end.handshake->message()); }
  static std::string Pattern(size_t size) {
    std::string bytes(size, '\0');
    for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(i * 31 + i / 253);
    return bytes;
  }
  void Run(std::function<void()> work) { on_.Run(std::move(work)); }
  void Until(const std::function<bool()>& state) { on_.Until(state); }

  size_t room_ = 1 << 20;
  Authority authority_{"test CA"};
  const CertificateFiles own_ = authority_.Sign("h.example");
  http2::testing::OnWorker on_;
  std::shared_ptr<Lane> up_, down_;
  End client_, server_;
  absl::optional<RawClient> raw_;
};

TEST_F(TlsStreamTest, BytesOfEverySizeCrossBothWays) {
  MeetAsFriends();
  ASSERT_TRUE(client_.ready() && server_.ready()) << Words(client_) << Words(server_);
  std::string sent;
  for (const size_t size : {1u, 2u, 1000u, 16384u, 16385u, 65536u, 200000u}) {
    sent += Pattern(size);
    Run([&] {
      client_.Send(Pattern(size));
      server_.Send(Pattern(size));
    });
    Until([&] { return client_.received.size() == sent.size() && server_.received == sent; });
    EXPECT_TRUE(client_.received == sent);
  }
}

TEST_F(TlsStreamTest, AWireThatTakesAFewBytesAtATimeOnlyDelays) {
  room_ = 700;
  MeetAsFriends();
  const std::string sent = Pattern(300'000);
  Run([&] {
    client_.Send(sent);
    server_.Send(sent);
  });
  Until([&] { return client_.received == sent && server_.received == sent; });
}

TEST_F(TlsStreamTest, WhileRecordsWaitNothingMoreIsTaken) {
  MeetAsFriends();
  Run([&] {
    up_->room = 100;
    EXPECT_EQ(client_.stream->Write(Pattern(5000)).size, 5000u);  // becomes a record
    EXPECT_EQ(client_.stream->Write(Pattern(5000)).outcome, Outcome::kWouldBlock);
    up_->room = 1 << 20;
  });
  Until([&] { return server_.received == Pattern(5000); });
}

TEST_F(TlsStreamTest, RecordsThatAreLeftOverRingAlthoughTheWireIsEmpty) {
  MeetAsFriends();
  Run([&] {
    server_.room = 100;
    client_.Send(Pattern(50'000));
  });
  Until([&] { return server_.received.size() == 50'000; });
  EXPECT_TRUE(server_.received == Pattern(50'000));
}

TEST_F(TlsStreamTest, AnEndIsHeardBehindTheBytesBeforeIt) {
  MeetAsFriends();
  Run([&] {
    client_.Send("last words");
    client_.stream->EndWriting();
  });
  Until([&] { return server_.ended.has_value(); });
  EXPECT_EQ(server_.received, "last words");
  EXPECT_EQ(server_.ended->outcome, Outcome::kEnd);
  Run([&] { server_.Send("still heard"); });
  Until([&] { return client_.received == "still heard"; });
}

TEST_F(TlsStreamTest, AWireThatEndsWithoutAWordIsAnEnd) {
  MeetAsFriends();
  Run([&] { MemoryStream(on_.worker(), down_, up_).EndWriting(); });
  Until([&] { return server_.ended.has_value(); });
  EXPECT_EQ(server_.ended->outcome, Outcome::kEnd);
}

TEST_F(TlsStreamTest, BytesThatAreNoRecordsBreakIt) {
  MeetAsFriends();
  Run([&] {
    MemoryStream(on_.worker(), down_, up_)
        .Write(std::string("\x17\x03\x03\x00\x10 sixteen bytes..", 21));
  });
  Until([&] { return server_.ended.has_value(); });
  EXPECT_EQ(server_.ended->outcome, Outcome::kFailed);
  EXPECT_THAT(server_.why(), HasSubstr("TLS: "));
}

TEST_F(TlsStreamTest, AfterCloseNobodyIsCalled) {
  MeetAsFriends();
  Run([&] {
    client_.Send("unheard");
    server_.stream->Close();
  });
  Until([&] { return client_.ended.has_value(); });
  EXPECT_EQ(server_.received, "");
}

TEST_F(TlsStreamTest, ASessionIsTakenUpAgain) {
  const auto client = Client({authority_.ca(), "", "", ""});
  const auto server = Server(own_);
  const auto resumption = std::make_shared<Resumption>();
  Meet(client, server, resumption);
  EXPECT_FALSE(client_.stream->resumed());
  Until([&] { return resumption->latest != nullptr; });
  Meet(client, server, resumption);
  EXPECT_TRUE(client_.stream->resumed());
  EXPECT_TRUE(server_.stream->resumed());
}

// PITFALLS 17
TEST_F(TlsStreamTest, ASessionIsNoGoodWhereAnotherCaIsTrusted) {
  const Authority other("other CA");
  const auto client = Client({authority_.ca(), own_.certificate, own_.private_key, ""});
  const auto resumption = std::make_shared<Resumption>();
  Meet(client, Server(own_, authority_.ca()), resumption);
  Until([&] { return resumption->latest != nullptr; });
  Meet(client, Server(own_, other.ca()), resumption);
  EXPECT_THAT(Words(server_), HasSubstr("the peer's certificate is not accepted"));
}

// PITFALLS 17
TEST_F(TlsStreamTest, ASessionIsNoGoodWhereCertificatesAreWanted) {
  const auto client = Client({authority_.ca(), "", "", ""});
  const auto resumption = std::make_shared<Resumption>();
  const auto open = Server(own_), closed = Server(own_, authority_.ca());
  unsigned char keys[80] = "known to both, as if they were of one farm";
  for (const auto& server : {open, closed}) {
    SSL_CTX_set_tlsext_ticket_keys(server->native(), keys, sizeof(keys));
  }
  Meet(client, open, resumption);
  Until([&] { return resumption->latest != nullptr; });
  Meet(client, closed, resumption);
  EXPECT_EQ(Words(server_), "TLS: the peer showed no certificate");
}

// PITFALLS 17
TEST_F(TlsStreamTest, ASessionOfAClientEndsWithItsCertificate) {
  const CertificateFiles over = authority_.Sign("client.example", -10, -5);
  const auto client = Client({authority_.ca(), over.certificate, over.private_key, ""});
  const auto server = Server(own_, authority_.ca());
  X509_VERIFY_PARAM* const rules = SSL_CTX_get0_param(server->native());
  X509_VERIFY_PARAM_set_time(rules, client->expiries()[0].at - 3600);  // when it was good
  const auto resumption = std::make_shared<Resumption>();
  Meet(client, server, resumption);
  Until([&] { return resumption->latest != nullptr; });
  X509_VERIFY_PARAM_clear_flags(rules, X509_V_FLAG_USE_CHECK_TIME);
  Meet(client, server, resumption);
  EXPECT_THAT(Words(server_), HasSubstr("certificate has expired"));
}

TEST_F(TlsStreamTest, ASessionWithAServerEndsWithItsCertificate) {
  const auto server = Server(authority_.Sign("h.example", -10, -5));
  const auto client = Client({authority_.ca(), "", "", ""});
  X509_VERIFY_PARAM* const rules = SSL_CTX_get0_param(client->native());
  X509_VERIFY_PARAM_set_time(rules, server->expiries()[0].at - 3600);
  const auto resumption = std::make_shared<Resumption>();
  Meet(client, server, resumption);
  Until([&] { return resumption->latest != nullptr; });
  X509_VERIFY_PARAM_clear_flags(rules, X509_V_FLAG_USE_CHECK_TIME);
  Meet(client, server, resumption);
  EXPECT_THAT(Words(client_), HasSubstr("certificate has expired"));
}

TEST_F(TlsStreamTest, AClientsSessionIsTakenUpAgain) {
  const auto client = Client({authority_.ca(), own_.certificate, own_.private_key, ""});
  const auto server = Server(own_, authority_.ca());
  const auto resumption = std::make_shared<Resumption>();
  Meet(client, server, resumption);
  Until([&] { return resumption->latest != nullptr; });
  Meet(client, server, resumption);
  EXPECT_TRUE(server_.stream->resumed());
}

// Some servers end a handshake over a session that they cannot take up.
TEST_F(TlsStreamTest, ASessionThatAHandshakeFailedWithIsNotTriedAgain) {
  const auto client = Client({authority_.ca(), "", "", ""});
  const auto server = Server(own_);
  SSL_CTX_set_session_id_context(server->native(), nullptr, 0);
  const auto resumption = std::make_shared<Resumption>();
  Meet(client, server, resumption);
  Until([&] { return resumption->latest != nullptr; });
  SSL_CTX_set_verify(server->native(), SSL_VERIFY_PEER, nullptr);
  Meet(client, server, resumption);
  ASSERT_FALSE(client_.ready());
  Meet(client, server, resumption);
  EXPECT_TRUE(client_.ready()) << Words(client_);
}

TEST_F(TlsStreamTest, KeysChangeAsOftenAsThePeerLikes) {
  MeetRaw();
  std::string sent;
  for (int i = 0; i < 500; ++i) {
    Run([&] {
      raw_->Say(raw_->KeyUpdates(3, i % 2 == 0));
      raw_->Say(raw_->Record("word "));
      sent += "word ";
    });
  }
  Until([&] { return server_.received == sent; });
  Run([&] { server_.Send("heard"); });
  std::string heard;
  Until([&] { return (heard += raw_->Read()) == "heard"; });
}

// PITFALLS 27
TEST_F(TlsStreamTest, APeerWhoseRecordsCarryNearlyNothingLeavesOthersTheirTurns) {
  MeetRaw();
  Run([&] {
    up_->room = 64 << 20;
    for (int i = 0; i < 10; ++i) {
      raw_->Say(raw_->KeyUpdates(1000, false));
      raw_->Say(raw_->Record("."));
    }
    char bytes[100];
    const net::ByteStream::Result read = server_.stream->Read(bytes, sizeof(bytes));
    EXPECT_EQ(read.outcome, Outcome::kDone);
    EXPECT_GT(up_->bytes.size(), 150'000u);
    server_.received.append(bytes, read.size);
  });
  Until([&] { return server_.received == ".........."; });
}

// PITFALLS 27
TEST_F(TlsStreamTest, APeerWhoseRecordsCarryNothingIsHungUpOn) {
  MeetRaw();
  Run([&] {
    up_->room = 64 << 20;
    raw_->Say(raw_->KeyUpdates(5000, false));
  });
  Until([&] { return server_.ended.has_value(); });
  EXPECT_EQ(server_.why(), "TLS: the peer sends records without end that carry nothing");
}

// PITFALLS 27
TEST_F(TlsStreamTest, APeerThatAsksForKeysAndDoesNotReadIsHungUpOn) {
  MeetRaw();
  Run([&] {
    up_->room = 64 << 20;
    down_->room = 1000;
    raw_->Say(raw_->KeyUpdates(10'000, true));
  });
  Until([&] { return server_.ended.has_value(); });
  EXPECT_EQ(server_.why(), "TLS: the peer asks and does not read");
}

TEST_F(TlsStreamTest, ALongChainIsShownWhole) {
  using singleflight::testing::ReadAll;
  std::string chain = ReadAll(own_.certificate);
  for (int i = 0; i < 280; ++i) chain += ReadAll(authority_.ca());
  Meet(Client({authority_.ca(), "", "", ""}),
       Server({authority_.Write("long.pem", chain), own_.private_key}));
  EXPECT_TRUE(client_.ready() && server_.ready()) << Words(client_) << Words(server_);
}

TEST_F(TlsStreamTest, AnAuthorityNeedNotBeARoot) {
  Authority below("intermediate CA", authority_);
  const CertificateFiles files = below.Sign("h.example");
  Meet(Client({below.ca(), files.certificate, files.private_key, ""}), Server(files, below.ca()));
  EXPECT_TRUE(client_.ready() && server_.ready()) << Words(client_) << Words(server_);
}

TEST_F(TlsStreamTest, TheDotOfAnAbsoluteNameIsNoPartOfIt) {
  Meet(Client({authority_.ca(), "", "", ""}, "h.example."), Server(own_));
  EXPECT_TRUE(client_.ready()) << Words(client_);
}

TEST_F(TlsStreamTest, AClientWithTheRightCertificateIsLetIn) {
  Meet(Client({authority_.ca(), own_.certificate, own_.private_key, ""}),
       Server(own_, authority_.ca()));
  EXPECT_TRUE(client_.ready() && server_.ready());
}

TEST_F(TlsStreamTest, AClientWithoutACertificateIsToldThatItNeedsOne) {
  Meet(Client({authority_.ca(), "", "", ""}), Server(own_, authority_.ca()));
  EXPECT_EQ(Words(server_), "TLS: the peer showed no certificate");
  Until([&] { return client_.ended.has_value(); });  // in TLS 1.3 its own handshake was over before
  EXPECT_THAT(client_.why(), HasSubstr("certificate required"));
}

TEST_F(TlsStreamTest, AServerOfAnUnknownCaIsRefused) {
  const Authority other("other CA");
  Meet(Client({other.ca(), "", "", ""}), Server(own_));
  EXPECT_THAT(Words(client_), HasSubstr("the peer's certificate is not accepted: "));
  EXPECT_THAT(Words(server_), HasSubstr("the peer refused: tlsv1 alert unknown ca"));
}

TEST_F(TlsStreamTest, WithoutAHostsNameNoServerIsAccepted) {
  for (const char* name : {"", ".", ".example"}) {
    Meet(Client({authority_.ca(), "", "", ""}, name), Server(own_));
    EXPECT_THAT(Words(client_), HasSubstr("is for another name")) << name;
  }
}

TEST_F(TlsStreamTest, AServerOfAnotherNameIsRefused) {
  Meet(Client({authority_.ca(), "", "", ""}, "other.example"), Server(own_));
  EXPECT_THAT(Words(client_), HasSubstr("is for another name"));
}

// RFC 9525 §6.3
TEST_F(TlsStreamTest, AServerWhoseNameIsACommonNameOnlyIsRefused) {
  Meet(Client({authority_.ca(), "", "", ""}), Server(authority_.SignByCommonName("h.example")));
  EXPECT_THAT(Words(client_), HasSubstr("what counts is its subjectAltName, not its CN"));
}

TEST_F(TlsStreamTest, AnAddressMustStandInTheCertificate) {
  const auto server = Server(authority_.Sign("127.0.0.1"));
  Meet(Client({authority_.ca(), "", "", ""}, "127.0.0.1"), server);
  EXPECT_TRUE(client_.ready()) << Words(client_);
  Meet(Client({authority_.ca(), "", "", ""}, "127.0.0.2"), server);
  EXPECT_THAT(Words(client_), HasSubstr("is for another name"));
}

TEST_F(TlsStreamTest, AnExpiredCertificateIsRefused) {
  Meet(Client({authority_.ca(), "", "", ""}), Server(authority_.Sign("h.example", -10, -5)));
  EXPECT_THAT(Words(client_), HasSubstr("certificate has expired"));
}

TEST_F(TlsStreamTest, AClientThatOffersOtherProtocolsIsRefused) {
  const auto client = Client({authority_.ca(), "", "", ""});
  const unsigned char http1[] = "\x8http/1.1";
  SSL_CTX_set_alpn_protos(client->native(), http1, sizeof(http1) - 1);
  Meet(client, Server(own_));
  EXPECT_EQ(Words(server_), "TLS: the peer offers no h2 (ALPN)");
  EXPECT_THAT(Words(client_), HasSubstr("no application protocol"));
}

TEST_F(TlsStreamTest, APeerThatAgreesOnNoProtocolIsRefused) {
  const auto client = Client({authority_.ca(), "", "", ""});
  SSL_CTX_set_alpn_protos(client->native(), nullptr, 0);
  Meet(client, Server(own_));
  EXPECT_EQ(Words(server_), "TLS: the peer offers no h2 (ALPN)");
  EXPECT_EQ(Words(client_), "TLS: the peer offers no h2 (ALPN)");
}

TEST_F(TlsStreamTest, Tls11IsNotSpoken) {
  const auto client = Client({authority_.ca(), "", "", ""});
  SSL_CTX_set_min_proto_version(client->native(), TLS1_VERSION);
  SSL_CTX_set_max_proto_version(client->native(), TLS1_1_VERSION);
  SSL_CTX_set_cipher_list(client->native(), "ALL:@SECLEVEL=0");
  Meet(client, Server(own_));
  EXPECT_EQ(Words(server_), "TLS: the peer speaks no version from 1.2 on");
}

TEST_F(TlsStreamTest, Tls12WithAModernCipherIsSpoken) {
  const auto client = Client({authority_.ca(), "", "", ""});
  SSL_CTX_set_max_proto_version(client->native(), TLS1_2_VERSION);
  const auto resumption = std::make_shared<Resumption>();
  const auto server = Server(own_);
  Meet(client, server, resumption);
  ASSERT_TRUE(client_.ready() && server_.ready());
  Meet(client, server, resumption);
  EXPECT_TRUE(server_.stream->resumed());
  SSL_CTX_set_cipher_list(client->native(), "AES256-SHA:AES128-GCM-SHA256");  // RFC 9113 appendix A
  Meet(client, server);
  EXPECT_THAT(Words(server_), HasSubstr("no shared cipher"));
}

TEST_F(TlsStreamTest, APeerThatSpeaksNoTlsIsRefused) {
  for (const char* hello :
       {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "GET / HTTP/1.1\r\nhost: a\r\n\r\n"}) {
    Run([&] {
      Hang();
      Plug();
      server_.stream = std::make_unique<Stream>(
          on_.worker(), std::make_unique<MemoryStream>(on_.worker(), up_, down_), Server(own_));
      server_.Handshake();
      MemoryStream(on_.worker(), down_, up_).Write(hello);
    });
    Until([&] { return server_.handshake.has_value(); });
    EXPECT_EQ(Words(server_), "TLS: the peer does not speak it (plaintext, or another protocol)");
  }
}

TEST_F(TlsStreamTest, APeerThatLeavesDuringTheHandshakeIsHeardLeaving) {
  Run([&] {
    Plug();
    server_.stream = std::make_unique<Stream>(
        on_.worker(), std::make_unique<MemoryStream>(on_.worker(), up_, down_), Server(own_));
    server_.Handshake();
    MemoryStream(on_.worker(), down_, up_).EndWriting();
  });
  Until([&] { return server_.handshake.has_value(); });
  EXPECT_EQ(Words(server_), "TLS: the peer closed the connection during the handshake");
}

}  // namespace
}  // namespace singleflight::tls
