module cid-peer

go 1.20

require github.com/pion/dtls/v3 v3.0.4

require (
	github.com/pion/logging v0.2.2 // indirect
	github.com/pion/transport/v3 v3.0.7 // indirect
	golang.org/x/crypto v0.28.0 // indirect
)
