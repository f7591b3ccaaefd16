// TLS on another stream of bytes, by OpenSSL without buffers of its own while idle.

#include "server/tls/stream.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "server/base/block_bytes.h"
#include "server/base/check.h"
#include "server/tls/errors.h"

namespace singleflight::tls {
namespace {

// Records that may wait beside those of one Write: what a peer can make OpenSSL say without reading
// any of it.
constexpr size_t kMostUnasked = 64 << 10;

// Taken from the inner stream by one Read, about; then others have their turn. No peer in its right
// mind sends as much without a byte in it.
constexpr size_t kMostPerRead = 64 << 10;

constexpr char kOutOfBounds[] = "TLS: the peer asks and does not read";
constexpr char kCarriesNothing[] = "TLS: the peer sends records without end that carry nothing";

}  // namespace

// What OpenSSL reads records from and writes them to: the stream that it belongs to.
struct RecordBio {
  static Stream& StreamOf(BIO* bio) { return *static_cast<Stream*>(BIO_get_data(bio)); }

  static int Read(BIO* bio, char* bytes, size_t room, size_t* size) {
    Stream& stream = StreamOf(bio);
    BIO_clear_retry_flags(bio);
    if (stream.inner_drained_ || stream.inner_read_ >= kMostPerRead) return Retry(bio);
    const net::ByteStream::Result read = stream.inner_->Read(bytes, room);
    switch (read.outcome) {
      case net::ByteStream::Outcome::kDone:
        stream.inner_drained_ = read.size < room;
        stream.inner_read_ += read.size;
        *size = read.size;
        return 1;
      case net::ByteStream::Outcome::kWouldBlock:
        return Retry(bio);
      case net::ByteStream::Outcome::kEnd:
        BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
        return 0;
      case net::ByteStream::Outcome::kFailed:
        stream.read_error_ = read.error;
        return 0;
    }
    return 0;
  }

  static int Retry(BIO* bio) {
    BIO_set_retry_read(bio);
    return 0;
  }

  static int Write(BIO* bio, const char* bytes, size_t size, size_t* written) {
    Stream& stream = StreamOf(bio);
    BIO_clear_retry_flags(bio);
    if (!stream.asking_ && stream.outgoing_.size() + size > stream.asked_ + kMostUnasked) {
      stream.why_ = kOutOfBounds;
      stream.broken_ = true;
      return 0;
    }
    stream.outgoing_.append(bytes, size);
    *written = size;
    return 1;
  }

  static long Control(BIO* bio, int command, long, void*) {
    switch (command) {
      case BIO_CTRL_EOF:
        return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0 ? 1 : 0;
      case BIO_CTRL_FLUSH:
        return 1;
      default:
        return 0;
    }
  }

  static const BIO_METHOD* Method() {
    static const BIO_METHOD* const method = [] {
      BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "records");
      SF_CHECK(made != nullptr);
      BIO_meth_set_read_ex(made, Read);
      BIO_meth_set_write_ex(made, Write);
      BIO_meth_set_ctrl(made, Control);
      return made;
    }();
    return method;
  }
};

int KeepSession(SSL* ssl, SSL_SESSION* session) {
  auto* resumption = static_cast<Resumption*>(SSL_get_app_data(ssl));
  if (resumption == nullptr) return 0;
  resumption->latest.reset(session, SSL_SESSION_free);
  return 1;
}

bool PeerIsStillValid(const SSL_SESSION* session) {
  const X509* peer = SSL_SESSION_get0_peer(const_cast<SSL_SESSION*>(session));
  return peer == nullptr || X509_cmp_current_time(X509_get0_notAfter(peer)) > 0;
}

Stream::Stream(net::Worker& worker, std::unique_ptr<net::ByteStream> inner, SharedContext context,
               std::shared_ptr<Resumption> resumption)
    : worker_(worker),
      inner_(std::move(inner)),
      context_(std::move(context)),
      resumption_(std::move(resumption)),
      ssl_(SSL_new(context_->native())) {
  SF_CHECK(ssl_ != nullptr);
  BIO* bio = BIO_new(RecordBio::Method());
  SF_CHECK(bio != nullptr);
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl_, bio, bio);
  if (SSL_is_server(ssl_) == 1) {
    SSL_set_accept_state(ssl_);
  } else {
    BeginAsClient();
  }
}

void Stream::BeginAsClient() {
  SSL_set_connect_state(ssl_);
  if (context_->sends_server_name()) {
    SSL_set_tlsext_host_name(ssl_, context_->server_name().c_str());
  }
  if (resumption_ == nullptr) return;
  SSL_set_app_data(ssl_, resumption_.get());
  const auto& session = resumption_->latest;
  if (session != nullptr && PeerIsStillValid(session.get())) SSL_set_session(ssl_, session.get());
}

// A session stays good whichever way its connection ended; OpenSSL would forget it otherwise.
Stream::~Stream() {
  if (SSL_is_init_finished(ssl_) == 1) {
    SSL_set_shutdown(ssl_, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
  }
  SSL_free(ssl_);
}

void Stream::Handshake(absl::AnyInvocable<void(absl::Status)> done) {
  done_ = std::move(done);
  if (SSL_is_server(ssl_) == 1) return AwaitStep();
  Step();
}

void Stream::AwaitStep() {
  inner_->WhenReadable([this, alive = std::weak_ptr<void>(alive_)] {
    if (alive.expired() || closed_) return;
    if (SSL_is_server(ssl_) == 0) return Step();
    worker_.InLine([this, alive] {
      if (!alive.expired() && !closed_) Step();
    });
  });
}

void Stream::Step() {
  BeginReading();
  ERR_clear_error();
  asking_ = true;
  const int result = SSL_do_handshake(ssl_);
  asking_ = false;
  asked_ = outgoing_.size();
  const int error = result == 1 ? SSL_ERROR_NONE : SSL_get_error(ssl_, result);
  const std::string why =
      error == SSL_ERROR_NONE || error == SSL_ERROR_WANT_READ ? "" : WhyTlsFailed(ssl_);
  Flush();
  if (error == SSL_ERROR_WANT_READ) return AwaitStep();
  if (error != SSL_ERROR_NONE) {
    return FinishHandshake(
        absl::UnavailableError(read_error_ == 0 ? why : inner_->WhyFailed(read_error_)));
  }
  const unsigned char* protocol = nullptr;
  unsigned int size = 0;
  SSL_get0_alpn_selected(ssl_, &protocol, &size);
  FinishHandshake(absl::string_view(reinterpret_cast<const char*>(protocol), size) == "h2"
                      ? absl::OkStatus()
                      : absl::UnavailableError("TLS: the peer offers no h2 (ALPN)"));
}

void Stream::FinishHandshake(absl::Status status) {
  InATurn([this, status = std::move(status)] { std::exchange(done_, nullptr)(status); });
}

bool Stream::resumed() const { return SSL_session_reused(ssl_) == 1; }

void Stream::BeginReading() {
  inner_drained_ = false;
  inner_read_ = 0;
}

net::ByteStream::Result Stream::Read(char* bytes, size_t room) {
  if (end_.has_value()) return *end_;
  BeginReading();
  drained_ = false;
  ERR_clear_error();
  size_t size = 0;
  while (size < room) {
    size_t n = 0;
    const int result = SSL_read_ex(ssl_, bytes + size, room - size, &n);
    if (result != 1) {
      const Result end = EndOfReading(result, size);
      drained_ = end.outcome == Outcome::kWouldBlock;
      if (!drained_) end_ = end;
      if (size == 0) {
        Flush();
        return end;
      }
      break;
    }
    size += n;
  }
  Flush();
  return {Outcome::kDone, size};
}

net::ByteStream::Result Stream::EndOfReading(int result, size_t size) {
  switch (SSL_get_error(ssl_, result)) {
    case SSL_ERROR_WANT_READ:
      if (size > 0 || inner_read_ < kMostPerRead) return {Outcome::kWouldBlock};
      why_ = kCarriesNothing;
      return {Outcome::kFailed, 0, EPROTO};
    case SSL_ERROR_ZERO_RETURN:
      return {Outcome::kEnd};
    default:
      break;
  }
  if (read_error_ != 0) return {Outcome::kFailed, 0, read_error_};
  const std::string why = WhyTlsFailed(ssl_);
  if (why_.empty()) why_ = why;
  return {Outcome::kFailed, 0, EPROTO};
}

net::ByteStream::Result Stream::Write(absl::string_view bytes) {
  if (!Flush()) return BrokenResult();
  if (!outgoing_.empty()) return {Outcome::kWouldBlock};
  if (bytes.empty()) return {Outcome::kDone};
  outgoing_.swap(worker_.record_buffer());
  outgoing_.clear();
  ERR_clear_error();
  size_t taken = 0;
  asking_ = true;
  const int result = SSL_write_ex(ssl_, bytes.data(), bytes.size(), &taken);
  asking_ = false;
  asked_ = outgoing_.size();
  if (result != 1) {
    why_ = WhyTlsFailed(ssl_);
    broken_ = true;
  }
  if (!Flush()) return BrokenResult();
  return {Outcome::kDone, taken};
}

// A peer that does not want this connection says why and closes it. What it said may be waiting.
net::ByteStream::Result Stream::BrokenResult() {
  char byte;
  size_t size = 0;
  ERR_clear_error();
  BeginReading();
  if (why_.empty() && SSL_peek_ex(ssl_, &byte, 1, &size) != 1 && ERR_peek_error() != 0) {
    why_ = WhyTlsFailed(ssl_);
  }
  return {Outcome::kFailed, 0, write_error_ == 0 ? EPROTO : write_error_};
}

// Gives the inner stream what it takes; the rest follows when it can. False: it is broken.
bool Stream::Flush() {
  if (broken_) return false;
  if (outgoing_.empty() || awaiting_room_) return true;
  const Result written = inner_->Write(outgoing_);
  if (written.outcome == Outcome::kFailed) {
    write_error_ = written.error;
    broken_ = true;
    return false;
  }
  const size_t n = written.outcome == Outcome::kDone ? written.size : 0;
  if (n < outgoing_.size()) {
    outgoing_.erase(0, n);
    asked_ = std::min(asked_, outgoing_.size());
    awaiting_room_ = true;
    inner_->WhenWritable([this, alive = std::weak_ptr<void>(alive_)] {
      if (!alive.expired() && !closed_) OnInnerWritable();
    });
    return true;
  }
  outgoing_.clear();
  asked_ = 0;
  if (outgoing_.capacity() > worker_.record_buffer().capacity()) {
    outgoing_.swap(worker_.record_buffer());
  }
  base::LetGo(outgoing_);
  if (std::exchange(ends_writing_, false)) inner_->EndWriting();
  return true;
}

void Stream::OnInnerWritable() {
  awaiting_room_ = false;
  Flush();
  if ((broken_ || outgoing_.empty()) && on_writable_) std::exchange(on_writable_, nullptr)();
}

void Stream::WhenReadable(absl::AnyInvocable<void()> callback) {
  if (drained_) return inner_->WhenReadable(std::move(callback));
  InATurn(std::move(callback));  // something is left that no socket will tell of
}

void Stream::WhenWritable(absl::AnyInvocable<void()> callback) {
  if (broken_ || outgoing_.empty()) return InATurn(std::move(callback));
  on_writable_ = std::move(callback);
}

void Stream::InATurn(absl::AnyInvocable<void()> task) {
  worker_.Post([this, alive = std::weak_ptr<void>(alive_), task = std::move(task)]() mutable {
    if (!alive.expired() && !closed_) std::exchange(task, nullptr)();
  });
}

void Stream::EndWriting() {
  ERR_clear_error();
  SSL_shutdown(ssl_);
  ends_writing_ = true;
  if (Flush() && outgoing_.empty() && std::exchange(ends_writing_, false)) inner_->EndWriting();
}

// Callbacks may hold the caller of this, so they are let go later.
void Stream::Close() {
  if (std::exchange(closed_, true)) return;
  if (SSL_is_init_finished(ssl_) == 1 && outgoing_.empty() && !broken_) {
    ERR_clear_error();
    SSL_shutdown(ssl_);
    if (!outgoing_.empty()) inner_->Write(outgoing_);  // as a courtesy
  }
  inner_->Close();
  worker_.Post([done = std::move(done_), on_writable = std::move(on_writable_)] {});
}

std::string Stream::WhyFailed(int error) const {
  return why_.empty() ? inner_->WhyFailed(error) : why_;
}

}  // namespace singleflight::tls
