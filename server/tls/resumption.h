#ifndef SINGLEFLIGHT_SERVER_TLS_RESUMPTION_H_
#define SINGLEFLIGHT_SERVER_TLS_RESUMPTION_H_

#include <memory>

struct ssl_st;
struct ssl_session_st;

namespace singleflight::tls {

// The latest session with one peer, which makes the next handshake with it shorter. Threads: those
// of the streams that share it, which is one.
struct Resumption {
  std::shared_ptr<ssl_session_st> latest;
};

// For Context: OpenSSL calls it when the peer has sent a ticket. 1: the session is taken.
int KeepSession(ssl_st* ssl, ssl_session_st* session);

// Whether the certificate that the peer showed when the session began, if it did, is good still. It
// is not shown again when the session is taken up, and a session can be taken up for ever.
bool PeerIsStillValid(const ssl_session_st* session);

}  // namespace singleflight::tls

#endif  // SINGLEFLIGHT_SERVER_TLS_RESUMPTION_H_
