import Base

/// A client of the runtime API: sends commands and checks the form of the answers.
final class CommandPeer {
    private let world: ProxyWorld

    init(_ world: ProxyWorld) { self.world = world }

    private static let commands = [
        "show info", "show fd", "show activity", "show version", "help", "show cli sockets", "show nonsense",
    ]

    /// One session after another, on a fibre of its own.
    func run(_ address: SocketAddress, sessions: Int, _ dice: inout Dice) {
        for _ in 0..<sessions {
            world.host.sleep(milliseconds: dice.between(0, 800))
            guard let wire = Wire.connect(world.host, to: address, patienceMilliseconds: 60_000) else {
                if world.mayRefuse { continue }
                return world.violation("the stats socket cannot be reached")
            }
            let commands = (0..<dice.between(1, 3)).map { _ in dice.pick(CommandPeer.commands) }
            talk(wire, commands, byLine: dice.chance(1, of: 3))
            wire.close()
        }
    }

    private func talk(_ wire: Wire, _ commands: [String], byLine: Bool) {
        if byLine {
            // A session of one line: everything comes back, and then the end.
            guard wire.send(Array((commands.joined(separator: ";") + "\n").utf8)) == nil else { return failed("send") }
        } else {
            guard wire.send(Array("prompt\n".utf8)) == nil else { return failed("send") }
            for command in commands {
                guard wire.send(Array("\(command)\n".utf8)) == nil else { return failed("send") }
            }
            guard wire.send(Array("quit\n".utf8)) == nil else { return failed("send") }
        }
        var text: [String] = []
        while true {
            switch wire.line() {
            case .success(let line): text.append(line)
            case .failure(let stop):
                if stop.end != .end { return failed("\(stop.end)") }
                return check(text, commands)
            }
            if text.count > 20_000 { return world.violation("a command answers without an end") }
        }
    }

    private func failed(_ what: String) {
        if !world.mayBreak { world.violation("the runtime API's session broke: \(what)") }
    }

    private func check(_ lines: [String], _ commands: [String]) {
        world.commandsChecked += commands.count
        if world.mayBreak { return }
        for command in commands {
            let expected: String
            switch command {
            case "show info": expected = "CurrConns: "
            case "show activity": expected = "loops"
            case "show version": expected = ""
            case "show cli sockets": expected = "admin"
            default: expected = ""
            }
            if !expected.isEmpty && !lines.contains(where: { $0.contains(expected) }) {
                world.violation("'\(command)' does not say '\(expected)'")
            }
        }
    }
}
