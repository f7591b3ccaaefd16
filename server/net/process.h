#ifndef SINGLEFLIGHT_SERVER_NET_PROCESS_H_
#define SINGLEFLIGHT_SERVER_NET_PROCESS_H_

namespace singleflight::net {

// Prepares the process for many sockets: as many descriptors as it may have (each connection is
// one), and a peer that is gone, or a closed stderr, is an error of the write and not a signal.
void PrepareProcess();

}  // namespace singleflight::net

#endif  // SINGLEFLIGHT_SERVER_NET_PROCESS_H_
