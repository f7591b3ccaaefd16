#ifndef SINGLEFLIGHT_SERVER_TLS_CONTEXT_H_
#define SINGLEFLIGHT_SERVER_TLS_CONTEXT_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/variant.h"
#include "server/tls/options.h"

struct ssl_ctx_st;  // OpenSSL's SSL_CTX

namespace singleflight::tls {

// What is wrong with one option of a `tls:` section, or odd about it.
struct Mistake {
  std::string option;  // "certificate", "private_key", …
  std::string what;    // a phrase that names the file and the cure
};
using Mistakes = std::vector<Mistake>;

// Certificates, keys and rules for connections of one listener or one upstream, as they were on
// disk when it was made. When a file changes, a new context is needed.
//
// The rules: TLS 1.2 or later; in 1.2 only what RFC 9113 §9.2.2 leaves (ECDHE with AEAD); ALPN `h2`
// and nothing else; no compression, renegotiation or early data. Sessions are resumed by tickets,
// which are good for this context only.
//
// Threads: constant after construction; any number may make connections of it.
class Context {
 public:
  using Made = absl::variant<std::shared_ptr<const Context>, Mistakes>;

  // Opens the files that the options name, and of an upstream without `ca` the system's
  // (SystemCaFile). They must be regular files of at most 1 MiB. Nobody is asked for a passphrase:
  // what is encrypted is a mistake.
  static Made ForListener(const ServerOptions& options);

  // The same for pages: ALPN `http/1.1` instead, or none.
  static Made ForPages(const ServerOptions& options);

  // `host` is the name that backends must have where the options say none: that of an authority
  // without its port, or an IP address. Without either the context is for looking at the files
  // only: it accepts no backend.
  static Made ForUpstream(const ClientOptions& options, absl::string_view host);

  ~Context();
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  // What tells trust apart. Of a listener, how far its clients are trusted: "tls", or "mtls" with a
  // digest of the CA's file. Of an upstream, what it is taken for: the name, a digest of the CA's
  // file or "system", the path of the certificate that is shown to it.
  const std::string& trust() const { return trust_; }

  // Of all that the options say and the files hold: equal digests, equal contexts.
  const std::string& digest() const { return digest_; }

  // When certificates end, by the files that the options name: the own one with its chain, and CAs.
  struct Expiry {
    std::string file;
    int64_t at;  // Unix time in seconds; of several in a file, when the first ends
  };
  const std::vector<Expiry>& expiries() const { return expiries_; }

  // How the own certificate is at this moment.
  enum class Own {
    kNone,  // there is none
    kGood,  // it has not ended
    kOver,  // it has, and peers refuse it
  };
  Own own_certificate() const;

  // What is allowed and seldom meant: an own certificate that is over or not valid yet.
  const Mistakes& warnings() const { return warnings_; }

  // Of an upstream: the name that backends must have.
  const std::string& server_name() const { return server_name_; }

  // RFC 6066 §3: addresses are no server names.
  bool sends_server_name() const { return !server_name_is_address_; }

  ssl_ctx_st* native() const { return native_; }

 private:
  class Loader;
  Context() = default;
  static Made ForServer(const ServerOptions& options, const unsigned char* alpn);

  ssl_ctx_st* native_ = nullptr;
  std::string trust_;
  std::string digest_;
  std::string server_name_;
  bool server_name_is_address_ = false;
  std::vector<Expiry> expiries_;
  Mistakes warnings_;
};

using SharedContext = std::shared_ptr<const Context>;

// Mistakes as an error, each behind `where`: "listener 127.0.0.1:1: tls.".
absl::StatusOr<SharedContext> OrStatus(Context::Made made, absl::string_view where);

// An error where `next` would put a certificate that has ended in the place of one that has not.
// Either may be null. `where`: as above.
absl::Status RefuseEnded(const Context* in_force, const Context* next, absl::string_view where);

// "example.org:443" → "example.org", "[::1]:443" → "::1".
absl::string_view HostOf(absl::string_view authority);

}  // namespace singleflight::tls

#endif  // SINGLEFLIGHT_SERVER_TLS_CONTEXT_H_
