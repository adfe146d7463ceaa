// SPDX-License-Identifier: MIT

// An echo server of Go's net: a goroutine for each connection, io.Copy.
package main

import (
	"io"
	"log"
	"net"
	"os"
)

const datagramMax = 65536

func serve(connection net.Conn) {
	defer connection.Close()
	io.Copy(connection, connection)
}

func serveDatagrams(socket net.PacketConn) {
	buffer := make([]byte, datagramMax)
	for {
		length, peer, err := socket.ReadFrom(buffer)
		if err != nil {
			continue
		}
		socket.WriteTo(buffer[:length], peer)
	}
}

func main() {
	address := ":" + os.Args[1]
	socket, err := net.ListenPacket("udp4", address)
	if err != nil {
		log.Fatal(err)
	}
	go serveDatagrams(socket)
	listener, err := net.Listen("tcp4", address)
	if err != nil {
		log.Fatal(err)
	}
	for {
		connection, err := listener.Accept()
		if err != nil {
			log.Fatal(err)
		}
		go serve(connection)
	}
}
