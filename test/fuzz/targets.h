/* All fuzz targets, one line each. */
TARGET(config)
TARGET(epmd)
TARGET(etf)
TARGET(handshake)
TARGET(peer_text)
TARGET(port)
TARGET(setting)
TARGET(term)
