// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {IArbiter} from "../IArbiter.sol";
import {Ends} from "./Ends.sol";
import {Facts} from "./Facts.sol";
import {IPinpoint} from "./IPinpoint.sol";
import {Levels} from "./Levels.sol";
import {Schedule} from "./Schedule.sol";
import {Seats} from "./Seats.sol";
import {Claim, Game, Store, Stores} from "./Store.sol";
import {Trees} from "./Trees.sol";

/// @title The game contract of the pinpoint challenge
/// @notice Holds no value and has no owner. See IPinpoint for what each function does.
contract PinpointArbiter is IPinpoint {
    /// @dev What a challenger's move still costs when its gas is read: storing the game, its event.
    uint256 private constant TAIL_GAS = 16_000;
    uint256 private constant TRANSACTION_GAS = 21_000;

    Store private s;

    // ---------------------------------------------------------------- court

    function open(Accusation calldata accusation, address accuser) external {
        Seats.open(s, accusation, accuser);
    }

    function extend(bytes32 entryHash, address acceptor) external {
        Seats.extend(s, entryHash, acceptor);
    }

    function ruling(address court, bytes32 entryHash) external view returns (IArbiter.Ruling) {
        return Seats.ruling(s.claims[Stores.claimIdOf(court, entryHash)]);
    }

    function lost(address court, bytes32 entryHash, address account) external view returns (bool) {
        return Seats.lost(s.claims[Stores.claimIdOf(court, entryHash)], account);
    }

    function passedTo(address court, bytes32 entryHash, address challenger) external view returns (bool, uint16) {
        return Seats.passedTo(s.claims[Stores.claimIdOf(court, entryHash)], challenger);
    }

    function meteredGas(address court, bytes32 entryHash, address challenger) external view returns (uint256 gas) {
        bytes32 claimId = Stores.claimIdOf(court, entryHash);
        Claim storage c = s.claims[claimId];
        uint256 number = c.challengerNumber[challenger];
        if (number == 0) return 0;
        for (uint256 seat = 0; seat < c.seatCount; seat++) {
            gas += s.games[Stores.gameIdOf(claimId, seat, number - 1)].gas;
        }
    }

    // ---------------------------------------------------------------- moves

    function post(bytes32 gameId, bytes calldata header, bytes calldata data) external {
        Game memory g = toMove(gameId, Side.Asserter);
        if (!g.rooted) {
            if (g.level == Level.Items) begin(gameId, g, header);
            g.node = rootIn(gameId, g, header, data);
            g.rooted = true;
        } else if (Trees.hash(Stores.nodeOf(g), data) != g.node) {
            revert WrongPreimage(g.height, g.index);
        }
        g.turn = Side.Challenger;
        g.since = uint48(block.number);
        s.games[gameId] = g;
        emit Posted(gameId, msg.sender, g.level, g.height, g.index, g.node, data, g.asserterClock, g.challengerClock);
    }

    /// @dev Whose items they are, and how many, follows from its packed bytes and the facts, which the claim's first post shows.
    function begin(bytes32 gameId, Game memory g, bytes calldata header) private {
        Claim storage c = Stores.claimOf(s, gameId);
        if (c.items == 0) {
            if (header.length != Facts.ENTRY_BYTES + Facts.FACTS_BYTES) revert WrongEvidence("header");
            Schedule.Context memory context =
                Stores.context(s, gameId, header[:Facts.ENTRY_BYTES], header[Facts.ENTRY_BYTES:]);
            uint256 count = Schedule.count(context);
            if (count > type(uint32).max) revert WrongEvidence("count");
            (c.items, c.replica) = (uint32(count), context.entry.replica);
        }
        g.count = c.items;
        g.height = uint8(Trees.heightOf(false, g.count));
    }

    /// @return root That of the list that the game has entered: the one that the preimage has, and that it must have.
    function rootIn(bytes32 gameId, Game memory g, bytes calldata header, bytes calldata data)
        private
        returns (bytes32 root)
    {
        root = Trees.hash(Stores.nodeOf(g), data);
        if (g.level == Level.Words) {
            if (sha256(header) != s.anchors[gameId]) revert WrongEvidence("header");
            if (sha256(bytes.concat(header, root)) != g.node) revert WrongPreimage(g.height, g.index);
        }
        bytes32 key = Stores.rootKey(gameId, g.level, g.item, g.value, g.element);
        bytes32 posted = s.roots[key];
        // Of a list of one hash the root is what was posted; zero would read as nothing posted.
        if (root == 0 || (posted != 0 && posted != root)) revert WrongRoot(posted);
        if (posted == 0) s.roots[key] = root;
        if (g.level == Level.Items) Stores.seatOf(s, gameId).posted = uint40(block.number);
    }

    function choose(bytes32 gameId, uint64 index, bytes[] calldata path, Evidence calldata evidence) external {
        uint256 start = gasleft();
        Game memory g = toMove(gameId, Side.Challenger);
        Level level = g.level;
        bool reached = reaches(g, index, path);
        bytes32 node = g.node;
        if (reached) {
            g = Levels.enter(s, gameId, g, index, evidence);
            uint32 more = bonus(Stores.claimOf(s, gameId).responsePeriod);
            g.asserterClock += more;
            g.challengerClock += more;
        } else {
            g.turn = Side.Asserter;
        }
        g.since = uint48(block.number);
        g.gas += gasSince(start);
        s.games[gameId] = g;
        bool over = g.winner != Side.None;
        emit Chosen(
            gameId,
            msg.sender,
            level,
            uint48(index),
            g.level,
            g.end,
            g.turn,
            g.height,
            g.count,
            node,
            g.word,
            g.asserterClock,
            g.challengerClock
        );
        if (!over) return;
        Seats.pass(s, gameId, g.index);
        decide(gameId, g, g.winner, Decision.Concession);
    }

    /// @dev Moves the node in question along the path.
    /// @return Whether that is an item now, or the choice an export.
    function reaches(Game memory g, uint256 index, bytes[] calldata path) private pure returns (bool) {
        Trees.Node memory n = Stores.nodeOf(g);
        if (index >= g.count) {
            // Exports lie behind the whole list: who has gone down into it has said that the first difference is there.
            if (path.length != 0) revert WrongDepth(0, path.length);
            if (g.height != Trees.heightOf(n.leaves, n.size) || index > type(uint48).max) revert OutOfRange(index);
            return true;
        }
        if (path.length == 0 && (n.leaves || n.height > 0)) revert WrongDepth(1, 0);
        bytes calldata leaf = Trees.descend(n, n.leaves ? Trees.leafOf(index) : index, path, 0);
        (g.node, g.height, g.index) = (n.hash, uint8(n.height), uint48(n.index));
        if (n.leaves && leaf.length > 0) g.word = Trees.word(leaf, Trees.placeOf(index));
        return n.leaves ? leaf.length > 0 : n.height == 0;
    }

    function prove(bytes32 gameId, Evidence calldata evidence) external {
        uint256 start = gasleft();
        Game memory g = inPlay(gameId);
        if (g.level != Level.End) revert WrongLevel(g.level);
        (address asserter, address challenger) =
            (Stores.seatOf(s, gameId).account, Stores.challengerOf(s, gameId).account);
        if (msg.sender != asserter && msg.sender != challenger) revert NotYourTurn(g.turn);
        spend(g);
        (bytes32 left, bytes32 right) = Ends.compare(s, gameId, g, evidence);
        emit Compared(gameId, msg.sender, g.end, left, right);
        if (msg.sender == challenger) g.gas += gasSince(start);
        if (left == right && g.end == End.Inbound) Seats.pass(s, gameId, g.index);
        decide(gameId, g, left == right ? Side.Asserter : Side.Challenger, Decision.Proof);
    }

    function timeout(bytes32 gameId) external {
        uint256 start = gasleft();
        Game memory g = inPlay(gameId);
        uint48 until = deadline(g);
        if (block.number <= until) revert InTime(until);
        if (msg.sender == Stores.challengerOf(s, gameId).account) g.gas += gasSince(start);
        decide(gameId, g, g.turn == Side.Challenger ? Side.Asserter : Side.Challenger, Decision.Timeout);
    }

    function concede(bytes32 gameId) external {
        Game memory g = inPlay(gameId);
        bool asserter = msg.sender == Stores.seatOf(s, gameId).account;
        if (!asserter && msg.sender != Stores.challengerOf(s, gameId).account) revert NotYourTurn(g.turn);
        decide(gameId, g, asserter ? Side.Challenger : Side.Asserter, Decision.Concession);
    }

    function defend(address court, bytes32 entryHash) external {
        Seats.defend(s, court, entryHash);
    }

    // ---------------------------------------------------------------- games

    /// @return g A game that is neither decided nor void.
    function inPlay(bytes32 gameId) private view returns (Game memory g) {
        g = Stores.load(s, gameId);
        bool out = Stores.seatOf(s, gameId).lost || Stores.challengerOf(s, gameId).done;
        if (g.turn == Side.None || out) revert GameOver(gameId);
    }

    /// @return g The game, in which the caller is `side`, it is its turn, and its clock has not run out.
    function toMove(bytes32 gameId, Side side) private view returns (Game memory g) {
        g = inPlay(gameId);
        bool asserts = side == Side.Asserter;
        address player = asserts ? Stores.seatOf(s, gameId).account : Stores.challengerOf(s, gameId).account;
        if (g.turn != side || msg.sender != player) revert NotYourTurn(g.turn);
        if (g.level == Level.End) revert WrongLevel(g.level);
        spend(g);
    }

    function deadline(Game memory g) private pure returns (uint48) {
        return g.since + (g.turn == Side.Asserter ? g.asserterClock : g.challengerClock);
    }

    /// @dev Takes the blocks since the turn began off the clock of the player to move.
    function spend(Game memory g) private view {
        uint48 until = deadline(g);
        if (block.number > until) revert OutOfTime(until);
        uint32 left = uint32(until - block.number);
        if (g.turn == Side.Asserter) g.asserterClock = left;
        else g.challengerClock = left;
    }

    function bonus(uint32 responsePeriod) private pure returns (uint32) {
        return responsePeriod < 2 ? 1 : responsePeriod / 2;
    }

    function decide(bytes32 gameId, Game memory g, Side winner, Decision decision) private {
        g.winner = winner;
        s.games[gameId] = g;
        emit Decided(gameId, winner, decision);
        Seats.settle(s, gameId, winner);
    }

    /// @dev What the call has used and will use; and the transaction's own cost, if the caller sent it (EIP-7623).
    function gasSince(uint256 start) private view returns (uint48) {
        uint256 used = start - gasleft() + TAIL_GAS;
        if (msg.sender != tx.origin) return uint48(used);
        uint256 tokens = calldataTokens();
        uint256 standard = used + 4 * tokens;
        uint256 floor = 10 * tokens;
        return uint48(TRANSACTION_GAS + (standard > floor ? standard : floor));
    }

    /// @return tokens One for each zero byte of the calldata, four for each other.
    function calldataTokens() private pure returns (uint256 tokens) {
        assembly ("memory-safe") {
            let ones := div(not(0), 255)
            for { let place := 0 } lt(place, calldatasize()) { place := add(place, 32) } {
                let x := calldataload(place)
                x := or(x, shr(4, x))
                x := or(x, shr(2, x))
                x := or(x, shr(1, x))
                tokens := add(tokens, shr(248, mul(and(x, ones), ones)))
            }
            // Up to here the bytes that are not zero.
            tokens := add(calldatasize(), mul(3, tokens))
        }
    }

    // ---------------------------------------------------------------- views

    function claimIdOf(address court, bytes32 entryHash) external pure returns (bytes32) {
        return Stores.claimIdOf(court, entryHash);
    }

    function gameIdOf(bytes32 claimId, uint16 seat, uint16 challenger) external pure returns (bytes32) {
        return Stores.gameIdOf(claimId, seat, challenger);
    }

    function claimOf(bytes32 claimId) external view returns (ClaimView memory) {
        return Seats.describe(s.claims[claimId]);
    }

    function gameOf(bytes32 gameId) external view returns (GameView memory v) {
        Game memory g = Stores.load(s, gameId);
        (v.level, v.end, v.turn, v.winner) = (g.level, g.end, g.turn, g.winner);
        (v.rooted, v.height, v.since, v.gas) = (g.rooted, g.height, g.since, g.gas);
        (v.asserterClock, v.challengerClock) = (g.asserterClock, g.challengerClock);
        (v.index, v.count, v.item, v.value) = (g.index, g.count, g.item, g.value);
        (v.element, v.word, v.node) = (g.element, g.word, g.node);
        (v.asserter, v.challenger) = (Stores.seatOf(s, gameId).account, Stores.challengerOf(s, gameId).account);
    }

    function rootOf(bytes32 gameId, Level level, uint32 item, uint32 value, uint32 element)
        external
        view
        returns (bytes32)
    {
        return s.roots[Stores.rootKey(gameId, level, item, value, element)];
    }
}
