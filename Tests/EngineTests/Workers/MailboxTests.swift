import Base
import Testing

@testable import Engine

/// A message with a number and its sender.
final class Numbered: Message {
    let sender: Int
    let number: Int

    init(_ sender: Int, _ number: Int) {
        self.sender = sender
        self.number = number
    }
}

@Suite("Mailbox")
struct MailboxTests {
    let block = CellBlock(lines: 1)
    let mailbox: Mailbox

    init() {
        mailbox = Mailbox(block.cell(line: 0))
    }

    @Test("messages arrive in the order of sending, also between takings")
    func order() {
        for number in 0..<3 { mailbox.put(Numbered(0, number)) }
        #expect((mailbox.take() as? Numbered)?.number == 0)
        mailbox.put(Numbered(0, 3))
        for number in 1...3 { #expect((mailbox.take() as? Numbered)?.number == number) }
        #expect(mailbox.take() == nil)
        #expect(mailbox.isEmpty)
    }

    @Test("a mailbox that holds anything, taken from the stack or not, is not empty")
    func emptiness() {
        #expect(mailbox.isEmpty)
        mailbox.put(Numbered(0, 0))
        mailbox.put(Numbered(0, 1))
        #expect(!mailbox.isEmpty)
        _ = mailbox.take()
        #expect(!mailbox.isEmpty)
        _ = mailbox.take()
        #expect(mailbox.isEmpty)
    }

    @Test("what is not delivered is let go of")
    func clearing() {
        weak var gone: Numbered?
        do {
            let message = Numbered(0, 0)
            gone = message
            mailbox.put(message)
        }
        #expect(gone != nil)
        mailbox.clear()
        #expect(gone == nil)
    }

    @Test("threads send at once: nothing is lost, and each sender's order holds")
    func threads() throws {
        let senders = try (0..<3).map { sender in
            try Parallel { for number in 0..<5000 { mailbox.put(Numbered(sender, number)) } }
        }
        var next = [0, 0, 0]
        let limit = Rig.kernel.monotonicNanoseconds() + 30_000_000_000
        while next != [5000, 5000, 5000] && Rig.kernel.monotonicNanoseconds() < limit {
            guard let message = mailbox.take() as? Numbered else { continue }
            #expect(message.number == next[message.sender])
            next[message.sender] = message.number + 1
        }
        for sender in senders { sender.join() }
        #expect(next == [5000, 5000, 5000])
    }
}
