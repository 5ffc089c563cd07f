// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {Facts} from "./Facts.sol";
import {IPinpoint} from "./IPinpoint.sol";
import {Schedule} from "./Schedule.sol";
import {Trees} from "./Trees.sol";

/// @dev The arbiter's whole storage. Its libraries share it by delegate call.
struct Store {
    mapping(bytes32 claimId => Claim) claims;
    mapping(bytes32 gameId => Game) games; // empty until their first move
    mapping(bytes32 gameId => bytes32) anchors; // the item's hash among values; the hash of the header that words need
    mapping(bytes32 gameId => bytes32) nodes; // Keccak hash of the bytes of the node of the value in question; 0 of an input
    mapping(bytes32 key => bytes32) roots; // what a seat has posted for a list, for all its games
}

struct Claim {
    address court;
    uint32 responsePeriod;
    uint16 replicas;
    uint32 items; // 0 until known, with the entry's replica
    uint16 replica;
    bytes32 factsHash;
    uint48 defendUntil;
    uint16 seatCount;
    uint16 seatsLost;
    uint16 challengerCount;
    uint16 challengersLost;
    uint16 acceptorCount;
    mapping(uint256 number => Seat) seats;
    mapping(uint256 number => Party) challengers;
    mapping(uint256 number => Party) acceptors;
    mapping(address account => uint256) challengerNumber; // plus 1
    mapping(address account => uint256) acceptorNumber; // plus 1
}

/// @param posted Block in which the seat has posted its items; 0 before.
struct Seat {
    address account;
    uint40 since;
    uint40 posted;
    bool lost;
}

/// @param done A challenger has lost a game; an acceptor has taken a seat.
/// @param passed A challenger has lost at a sum that the asserter did not compute, but `replica` did.
struct Party {
    address account;
    uint40 since;
    bool done;
    bool passed;
    uint16 replica;
}

/// @dev See IPinpoint.GameView.
struct Game {
    IPinpoint.Level level;
    IPinpoint.End end;
    IPinpoint.Side turn;
    IPinpoint.Side winner;
    bool rooted;
    uint8 height;
    uint48 since;
    uint32 asserterClock;
    uint32 challengerClock;
    uint48 gas;
    uint48 index;
    uint48 count;
    uint32 item;
    uint32 value;
    uint32 element;
    uint32 word;
    uint32 values; // of the phase, once one was chosen
    bytes32 node;
}

/// @dev Seats, which some views walk over, are one more at most.
uint256 constant MAX_ACCEPTORS = 8;

/// @title Names of claims, games and lists, and what is read of them
library Stores {
    uint256 private constant NUMBERS = type(uint32).max;

    function claimIdOf(address court, bytes32 entryHash) internal pure returns (bytes32) {
        return bytes32(uint256(keccak256(abi.encode(court, entryHash))) & ~NUMBERS);
    }

    function gameIdOf(bytes32 claimId, uint256 seat, uint256 challenger) internal pure returns (bytes32) {
        return bytes32(uint256(claimId) | seat << 16 | challenger);
    }

    function claimIdIn(bytes32 gameId) internal pure returns (bytes32) {
        return bytes32(uint256(gameId) & ~NUMBERS);
    }

    function claimOf(Store storage s, bytes32 gameId) internal view returns (Claim storage) {
        return s.claims[claimIdIn(gameId)];
    }

    function seatOf(Store storage s, bytes32 gameId) internal view returns (Seat storage) {
        return claimOf(s, gameId).seats[uint16(uint256(gameId) >> 16)];
    }

    function challengerOf(Store storage s, bytes32 gameId) internal view returns (Party storage) {
        return claimOf(s, gameId).challengers[uint16(uint256(gameId))];
    }

    /// @dev A game exists from the block in which both its seat and its challenger do, at no cost. It is the asserter's turn until the
    /// seat has posted its items, in whichever game: the clock of each stops then.
    /// @return g The game; its turn is nobody's if it does not exist.
    function load(Store storage s, bytes32 gameId) internal view returns (Game memory g) {
        g = s.games[gameId];
        if (g.turn != IPinpoint.Side.None) return g;
        Seat storage seat = seatOf(s, gameId);
        Party storage challenger = challengerOf(s, gameId);
        if (seat.account == address(0) || challenger.account == address(0)) return g;
        Claim storage c = claimOf(s, gameId);
        g.since = seat.since > challenger.since ? seat.since : challenger.since;
        g.asserterClock = c.responsePeriod;
        g.challengerClock = c.responsePeriod;
        g.turn = IPinpoint.Side.Asserter;
        if (seat.posted == 0 || seat.posted > g.since + g.asserterClock) return g;
        if (seat.posted > g.since) {
            g.asserterClock -= uint32(seat.posted - g.since);
            g.since = seat.posted;
        }
        g.turn = IPinpoint.Side.Challenger;
        g.rooted = true;
        (g.count, g.height) = (c.items, uint8(Trees.heightOf(false, c.items)));
        g.node = rootOf(s, gameId, g, IPinpoint.Level.Items);
    }

    /// @dev Under which a seat's root of a list is kept.
    function rootKey(bytes32 gameId, IPinpoint.Level level, uint32 item, uint32 value, uint32 element)
        internal
        pure
        returns (bytes32)
    {
        if (level < IPinpoint.Level.Values) item = 0;
        if (level < IPinpoint.Level.Words) value = 0;
        if (level < IPinpoint.Level.Trace) element = 0;
        return keccak256(abi.encode(uint256(gameId) >> 16, level, item, value, element));
    }

    function rootOf(Store storage s, bytes32 gameId, Game memory g, IPinpoint.Level level)
        internal
        view
        returns (bytes32)
    {
        return s.roots[rootKey(gameId, level, g.item, g.value, g.element)];
    }

    /// @return The node in question of the game's list.
    function nodeOf(Game memory g) internal pure returns (Trees.Node memory) {
        bool leaves = g.level == IPinpoint.Level.Words || g.level == IPinpoint.Level.Trace;
        return Trees.Node(leaves, leaves ? 4 * uint256(g.count) : g.count, g.node, g.height, g.index);
    }

    /// @return c What the bytes say, which must be those that the claim commits to.
    function context(Store storage s, bytes32 gameId, bytes calldata entry, bytes calldata facts)
        internal
        view
        returns (Schedule.Context memory c)
    {
        Claim storage claim = claimOf(s, gameId);
        if (claimIdOf(claim.court, Facts.entryHash(entry)) != claimIdIn(gameId)) {
            revert IPinpoint.WrongEvidence("entry");
        }
        if (Facts.factsHash(facts) != claim.factsHash) revert IPinpoint.WrongEvidence("facts");
        c.entry = Facts.readEntry(entry);
        c.facts = Facts.readFacts(facts);
        c.replicas = claim.replicas;
    }
}
