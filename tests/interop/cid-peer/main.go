// A DTLS peer with Connection IDs (RFC 9146) that others wrote, speaking just enough CoAP.
//
//	cid-peer server IDENTITY KEY CID-SIZE
//	    says on which port it listens, and for each request from where it came; answers "hello"
//	cid-peer client ADDRESS IDENTITY KEY CID-SIZE REQUESTS MOVES
//	    makes GETs for /time; after each of the first MOVES it goes on from another port
package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/pion/dtls/v3"
)

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "cid-peer:", err)
		os.Exit(1)
	}
}

func number(text string) int {
	value, err := strconv.Atoi(text)
	fail(err)
	return value
}

func config(identity, key string, cidSize int) *dtls.Config {
	result := &dtls.Config{
		PSK:             func([]byte) ([]byte, error) { return []byte(key), nil },
		PSKIdentityHint: []byte(identity),
		CipherSuites:    []dtls.CipherSuiteID{dtls.TLS_PSK_WITH_AES_128_CCM_8},
	}
	if cidSize > 0 {
		result.ConnectionIDGenerator = dtls.RandomCIDGenerator(cidSize)
	} else {
		result.ConnectionIDGenerator = dtls.OnlySendCIDGenerator()
	}
	return result
}

// A piggybacked 2.05 with the request's message ID and token.
func answer(request []byte) []byte {
	tokenSize := int(request[0] & 15)
	response := append([]byte{0x60 | request[0]&15, 0x45}, request[2:4+tokenSize]...)
	return append(append(response, 0xff), "hello"...)
}

func serve(conn net.Conn) {
	buffer := make([]byte, 2048)
	for {
		size, err := conn.Read(buffer)
		if err != nil {
			return
		}
		if size >= 4 && buffer[0]>>4 == 4 && buffer[1] == 1 {
			fmt.Println("request from", conn.RemoteAddr())
			_, err = conn.Write(answer(buffer[:size]))
			fail(err)
		}
	}
}

func server(arguments []string) {
	listener, err := dtls.Listen("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}, config(arguments[0], arguments[1], number(arguments[2])))
	fail(err)
	fmt.Println(listener.Addr().(*net.UDPAddr).Port)
	for {
		conn, err := listener.Accept()
		fail(err)
		go serve(conn)
	}
}

// A socket that can be another one from now on, as behind a NAT that was restarted.
type movable struct {
	sync.Mutex
	net.PacketConn
	server  net.Addr
	arrived chan []byte
	closed  chan struct{}
}

func (m *movable) move() {
	fresh, err := net.ListenPacket("udp", "127.0.0.1:0")
	fail(err)
	m.Lock()
	if m.PacketConn != nil {
		m.PacketConn.Close()
	}
	m.PacketConn = fresh
	m.Unlock()
	go func() {
		for {
			buffer := make([]byte, 2048)
			size, _, err := fresh.ReadFrom(buffer)
			if err != nil {
				return
			}
			m.arrived <- buffer[:size]
		}
	}()
}

func (m *movable) ReadFrom(buffer []byte) (int, net.Addr, error) {
	select {
	case data := <-m.arrived:
		return copy(buffer, data), m.server, nil
	case <-m.closed:
		return 0, nil, net.ErrClosed
	}
}

func (m *movable) Close() error {
	close(m.closed)
	return m.PacketConn.Close()
}

func (m *movable) WriteTo(data []byte, to net.Addr) (int, error) {
	m.Lock()
	defer m.Unlock()
	return m.PacketConn.WriteTo(data, to)
}

func (m *movable) SetReadDeadline(time.Time) error { return nil }

// Answers pings (RFC 7252 section 4.3) until a response comes.
func response(conn *dtls.Conn, id byte) string {
	buffer := make([]byte, 2048)
	for {
		size, err := conn.Read(buffer)
		fail(err)
		if size == 4 && buffer[0] == 0x40 && buffer[1] == 0 {
			_, err = conn.Write([]byte{0x70, 0, buffer[2], buffer[3]})
			fail(err)
			fmt.Println("ping")
		} else if size > 5 && buffer[0] == 0x61 && buffer[3] == id {
			return fmt.Sprintf("%d.%02d", buffer[1]>>5, buffer[1]&31)
		}
	}
}

func client(arguments []string) {
	address, err := net.ResolveUDPAddr("udp", arguments[0])
	fail(err)
	socket := &movable{server: address, arrived: make(chan []byte, 64), closed: make(chan struct{})}
	socket.move()
	conn, err := dtls.Client(socket, address, config(arguments[1], arguments[2], number(arguments[3])))
	fail(err)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	fail(conn.HandshakeContext(ctx))
	for i := 0; i < number(arguments[4]); i++ {
		id := byte(i + 1)
		_, err = conn.Write([]byte{0x41, 1, 0, id, 0x77, 0xb4, 't', 'i', 'm', 'e'})
		fail(err)
		fmt.Println(response(conn, id))
		if i < number(arguments[5]) {
			socket.move()
		}
	}
	fail(conn.Close())
}

func main() {
	switch {
	case len(os.Args) == 5 && os.Args[1] == "server":
		server(os.Args[2:])
	case len(os.Args) == 8 && os.Args[1] == "client":
		client(os.Args[2:])
	default:
		fmt.Fprintln(os.Stderr, "cid-peer server IDENTITY KEY CID-SIZE | client ADDRESS IDENTITY KEY CID-SIZE REQUESTS MOVES")
		os.Exit(2)
	}
}
