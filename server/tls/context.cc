// TLS contexts from PEM files: what is read, what is refused and how it is said.

#include "server/tls/context.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "absl/types/optional.h"
#include "server/base/check.h"
#include "server/tls/pem.h"
#include "server/tls/resumption.h"
#include "server/tls/small_file.h"
#include "server/tls/system_ca.h"

namespace singleflight::tls {
namespace {

constexpr char kCiphersOfTls12[] = "ECDHE+AESGCM:ECDHE+CHACHA20";
constexpr unsigned char kAlpn[] = {2, 'h', '2'};
constexpr unsigned char kAlpnOfPages[] = {8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
constexpr long kSessionLifetimeSeconds = 3600;

// Chooses the one protocol of `only`, or ends the handshake.
int ChooseProtocol(SSL*, const unsigned char** chosen, unsigned char* size,
                   const unsigned char* offered, unsigned int offered_size, void* only) {
  const auto* wanted = static_cast<const unsigned char*>(only);
  unsigned char* found = nullptr;
  if (SSL_select_next_proto(&found, size, wanted, wanted[0] + 1u, offered, offered_size) !=
      OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  }
  *chosen = found;
  return SSL_TLSEXT_ERR_OK;
}

// Whether a session that a client wants to take up is good, which OpenSSL has found it to be.
SSL_TICKET_RETURN JudgeTicket(SSL*, SSL_SESSION* session, const unsigned char*, size_t,
                              SSL_TICKET_STATUS status, void*) {
  const bool good = status == SSL_TICKET_SUCCESS || status == SSL_TICKET_SUCCESS_RENEW;
  if (!good || !PeerIsStillValid(session)) return SSL_TICKET_RETURN_IGNORE_RENEW;
  return status == SSL_TICKET_SUCCESS ? SSL_TICKET_RETURN_USE : SSL_TICKET_RETURN_USE_RENEW;
}

// The 4 or 16 bytes of an IP address; of a name, none.
absl::string_view AddressBytes(const std::string& host, unsigned char (&bytes)[16]) {
  const char* begin = reinterpret_cast<const char*>(bytes);
  if (::inet_pton(AF_INET, host.c_str(), bytes) == 1) return {begin, 4};
  if (::inet_pton(AF_INET6, host.c_str(), bytes) == 1) return {begin, 16};
  return {};
}

int RefuseAnyName(int, X509_STORE_CTX* peer) {
  X509_STORE_CTX_set_error(peer, X509_V_ERR_HOSTNAME_MISMATCH);
  return 0;
}

// Peers' certificates must be for `host`. Nobody is accepted where that is no host's name: OpenSSL
// would take an empty one for any, and a dot in front for any subdomain.
void RequireName(SSL_CTX* ssl, const std::string& host) {
  const bool names_a_host = !host.empty() && host.front() != '.';
  SSL_CTX_set_verify(ssl, SSL_VERIFY_PEER, names_a_host ? nullptr : RefuseAnyName);
  if (!names_a_host) return;
  X509_VERIFY_PARAM* wanted = SSL_CTX_get0_param(ssl);
  unsigned char bytes[16];
  if (const absl::string_view address = AddressBytes(host, bytes); !address.empty()) {
    SF_CHECK(X509_VERIFY_PARAM_set1_ip(wanted, bytes, address.size()) == 1);
    return;
  }
  // A host is what subjectAltName says, never what the subject does (RFC 9525 §6.3).
  X509_VERIFY_PARAM_set_hostflags(
      wanted, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
  SF_CHECK(X509_VERIFY_PARAM_set1_host(wanted, host.data(), host.size()) == 1);
}

}  // namespace

// Fills one context, option by option.
class Context::Loader {
 public:
  explicit Loader(const SSL_METHOD* method) {
    ERR_clear_error();
    context_->native_ = SSL_CTX_new(method);
    SF_CHECK(context_->native_ != nullptr);
    SSL_CTX_set_min_proto_version(ssl(), TLS1_2_VERSION);
    SF_CHECK(SSL_CTX_set_cipher_list(ssl(), kCiphersOfTls12) == 1);
    SSL_CTX_set_options(ssl(), SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                   SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(ssl(), SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_read_ahead(ssl(), 1);  // a record is one recv, not two
    SSL_CTX_set_timeout(ssl(), kSessionLifetimeSeconds);
  }

  // Presents the certificate to peers. Both options, or neither.
  void Present(const std::string& certificate, const std::string& private_key) {
    Note("certificate", certificate);
    Note("private_key", private_key);
    if (certificate.empty() && private_key.empty()) return;
    if (private_key.empty()) {
      return Fail("certificate", "needs its \"private_key\" beside it; add it");
    }
    if (certificate.empty()) {
      return Fail("private_key", "needs its \"certificate\" beside it; add it");
    }
    const X509* leaf = UseCertificate(certificate);
    if (leaf == nullptr) return;
    UseKey(private_key, certificate, leaf);
  }

  // Which CAs peers' certificates must be of. Returns what the file holds.
  std::string Trust(const std::string& option, const std::string& path) {
    // Every CA that is named is trusted, whether or not it is a root.
    X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(ssl()), X509_V_FLAG_PARTIAL_CHAIN);
    Authorities added = AddAuthorities(option, path);
    if (!added.all.empty()) NoteEnd(path, added.all);
    return std::move(added.pem);
  }

  // Those that the system trusts, read now and whole: OpenSSL would search a folder of them during
  // handshakes, on a worker's loop.
  void TrustSystem() {
    const absl::optional<std::string> path = SystemCaFile();
    if (!path.has_value()) {
      return Fail("ca",
                  "the system's CAs are wanted, and there are none; install the package "
                  "ca-certificates, or write \"ca\"");
    }
    const size_t mistakes = mistakes_.size();
    AddAuthorities("ca", *path);
    if (mistakes_.size() == mistakes) return;
    std::string& what = mistakes_.back().what;
    what = absl::StrCat("the system's CAs: ", what);
  }

  // Everything that the context is made of goes into its digest.
  void Note(absl::string_view name, absl::string_view value) {
    absl::StrAppend(&noted_, name, " ", value.size(), "\n", value, "\n");
  }

  SSL_CTX* ssl() { return context_->native_; }
  Context& context() { return *context_; }

  Made Finish() {
    if (!mistakes_.empty()) return std::move(mistakes_);
    context_->digest_ = HexSha256(noted_);
    return SharedContext(std::move(context_));
  }

 private:
  void Fail(const std::string& option, std::string what) {
    mistakes_.push_back({option, std::move(what)});
  }

  absl::optional<std::string> Read(const std::string& option, const std::string& path) {
    absl::StatusOr<std::string> bytes = ReadSmallFile(path);
    if (!bytes.ok()) {
      Fail(option, std::string(bytes.status().message()));
      return absl::nullopt;
    }
    Note(option, *bytes);
    return *std::move(bytes);
  }

  // What a file of CAs holds; nothing if it is wrong.
  struct Authorities {
    std::string pem;
    std::vector<Certificate> all;
  };

  Authorities AddAuthorities(const std::string& option, const std::string& path) {
    absl::optional<std::string> pem = Read(option, path);
    if (!pem.has_value()) return {};
    std::vector<Certificate> all = ReadCertificates(*pem);
    if (!ReadToTheEnd() || all.empty()) {
      Fail(option, absl::StrCat("\"", path,
                                "\" holds no CA certificates in PEM, or one that is "
                                "damaged (-----BEGIN CERTIFICATE-----)"));
      return {};
    }
    for (const Certificate& one : all) {
      SF_CHECK(X509_STORE_add_cert(SSL_CTX_get_cert_store(ssl()), one.get()) == 1);
      SSL_CTX_add_client_CA(ssl(), one.get());  // of no consequence on a client's side
    }
    return {*std::move(pem), std::move(all)};
  }

  // The first one, which is the proxy's own; those behind it are its chain.
  const X509* UseCertificate(const std::string& path) {
    const absl::optional<std::string> pem = Read("certificate", path);
    if (!pem.has_value()) return nullptr;
    std::vector<Certificate> all = ReadCertificates(*pem);
    if (!ReadToTheEnd() || all.empty()) {
      Fail("certificate", absl::StrCat("\"", path,
                                       "\" holds no certificate in PEM, or one that is damaged "
                                       "(-----BEGIN CERTIFICATE-----)"));
      return nullptr;
    }
    bool accepted = SSL_CTX_use_certificate(ssl(), all.front().get()) == 1;
    for (size_t i = 1; i < all.size() && accepted; ++i) {
      accepted = SSL_CTX_add1_chain_cert(ssl(), all[i].get()) == 1;
    }
    if (!accepted) {
      Fail("certificate", absl::StrCat("\"", path, "\" cannot be used (", Reason(),
                                       "); have one made that OpenSSL accepts"));
      return nullptr;
    }
    NoteEnd(path, all);
    WarnOfValidity(path, all.front().get());
    return SSL_CTX_get0_certificate(ssl());
  }

  void NoteEnd(const std::string& path, const std::vector<Certificate>& all) {
    context_->expiries_.push_back({path, EarliestEnd(all)});
  }

  void WarnOfValidity(const std::string& path, const X509* certificate) {
    const ASN1_TIME* begin = X509_get0_notBefore(certificate);
    const ASN1_TIME* end = X509_get0_notAfter(certificate);
    if (X509_cmp_current_time(end) < 0) {
      Warn(absl::StrCat("\"", path, "\" expired at ", Spelled(end), "; peers will refuse it"));
    } else if (X509_cmp_current_time(begin) > 0) {
      Warn(absl::StrCat("\"", path, "\" is not valid before ", Spelled(begin),
                        "; peers will refuse it until then"));
    }
  }

  void Warn(std::string what) { context_->warnings_.push_back({"certificate", std::move(what)}); }

  void UseKey(const std::string& path, const std::string& certificate, const X509* leaf) {
    const absl::optional<std::string> pem = Read("private_key", path);
    if (!pem.has_value()) return;
    bool encrypted = false;
    const PrivateKey key(
        PEM_read_bio_PrivateKey(Reader(*pem).get(), nullptr, RefusePassphrase, &encrypted));
    ERR_clear_error();
    if (encrypted) {
      return Fail("private_key",
                  absl::StrCat("\"", path,
                               "\" is encrypted and nobody is here to be asked; write "
                               "it without a passphrase (openssl pkey -in … -out …)"));
    }
    if (key == nullptr) {
      return Fail("private_key",
                  absl::StrCat("\"", path,
                               "\" holds no private key in PEM, or one that is damaged "
                               "(-----BEGIN PRIVATE KEY-----)"));
    }
    if (X509_check_private_key(leaf, key.get()) != 1) {
      ERR_clear_error();
      return Fail("private_key",
                  absl::StrCat("\"", path, "\" is not the key of the certificate \"", certificate,
                               "\"; give the two that belong together"));
    }
    if (SSL_CTX_use_PrivateKey(ssl(), key.get()) != 1) {
      Fail("private_key", absl::StrCat("\"", path, "\" cannot be used (", Reason(), ")"));
    }
  }

  std::shared_ptr<Context> context_{new Context};
  Mistakes mistakes_;
  std::string noted_;
};

Context::Made Context::ForListener(const ServerOptions& options) {
  return ForServer(options, kAlpn);
}

Context::Made Context::ForPages(const ServerOptions& options) {
  return ForServer(options, kAlpnOfPages);
}

Context::Made Context::ForServer(const ServerOptions& options, const unsigned char* alpn) {
  if (options.certificate.empty()) {
    return Mistakes{{"certificate", "is missing; write the path of the listener's certificate"}};
  }
  Loader loader(TLS_server_method());
  loader.Present(options.certificate, options.private_key);
  std::string& trust = loader.context().trust_;
  trust = "tls";
  if (!options.client_ca.empty()) {
    trust = absl::StrCat("mtls ", HexSha256(loader.Trust("client_ca", options.client_ca)));
    SSL_CTX_set_verify(loader.ssl(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  }
  SSL_CTX_set_alpn_select_cb(loader.ssl(), ChooseProtocol, const_cast<unsigned char*>(alpn));
  // Tickets hold what there is to know of a session: none is kept here.
  SSL_CTX_set_session_cache_mode(loader.ssl(), SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(loader.ssl(), 1);
  SSL_CTX_set_session_ticket_cb(loader.ssl(), nullptr, JudgeTicket, nullptr);
  // A ticket of clients that were trusted differently is no good, even if its key were known.
  const Digest id = Sha256(trust);
  SF_CHECK(SSL_CTX_set_session_id_context(loader.ssl(), id.data(), id.size()) == 1);
  return loader.Finish();
}

Context::Made Context::ForUpstream(const ClientOptions& options, absl::string_view host) {
  Loader loader(TLS_client_method());
  loader.Present(options.certificate, options.private_key);
  std::string authorities = "system";  // whatever they are at the moment
  if (options.ca.empty()) {
    loader.TrustSystem();
  } else {
    authorities = HexSha256(loader.Trust("ca", options.ca));
  }
  Context& context = loader.context();
  absl::string_view name = options.server_name.empty() ? host : options.server_name;
  absl::ConsumeSuffix(&name, ".");  // of an absolute name; certificates are written without
  context.server_name_ = std::string(name);
  loader.Note("server_name", context.server_name_);
  context.trust_ =
      absl::StrCat("tls ", context.server_name_, "\n", authorities, "\n", options.certificate);
  SF_CHECK(SSL_CTX_set_alpn_protos(loader.ssl(), kAlpn, sizeof(kAlpn)) == 0);
  SSL_CTX_set_session_cache_mode(loader.ssl(), SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(loader.ssl(), KeepSession);
  unsigned char bytes[16];
  context.server_name_is_address_ = !AddressBytes(context.server_name_, bytes).empty();
  RequireName(loader.ssl(), context.server_name_);
  return loader.Finish();
}

Context::~Context() { SSL_CTX_free(native_); }

absl::StatusOr<SharedContext> OrStatus(Context::Made made, absl::string_view where) {
  if (auto* context = absl::get_if<SharedContext>(&made)) return std::move(*context);
  std::vector<std::string> lines;
  for (const Mistake& mistake : absl::get<Mistakes>(made)) {
    lines.push_back(absl::StrCat(where, mistake.option, " ", mistake.what));
  }
  return absl::InvalidArgumentError(absl::StrJoin(lines, "\n"));
}

Context::Own Context::own_certificate() const {
  const X509* own = SSL_CTX_get0_certificate(native_);
  if (own == nullptr) return Own::kNone;
  return X509_cmp_current_time(X509_get0_notAfter(own)) < 0 ? Own::kOver : Own::kGood;
}

absl::Status RefuseEnded(const Context* in_force, const Context* next, absl::string_view where) {
  if (in_force == nullptr || in_force->own_certificate() != Context::Own::kGood ||
      next == nullptr || next->own_certificate() != Context::Own::kOver) {
    return absl::OkStatus();
  }
  return absl::FailedPreconditionError(
      absl::StrCat(where,
                   "certificate has expired, and the one in use has not; put one there that "
                   "is valid, or restart the proxy"));
}

absl::string_view HostOf(absl::string_view authority) {
  if (absl::StartsWith(authority, "[")) {
    return authority.substr(1, authority.find(']') == absl::string_view::npos
                                   ? absl::string_view::npos
                                   : authority.find(']') - 1);
  }
  return authority.substr(0, authority.rfind(':'));
}

}  // namespace singleflight::tls
