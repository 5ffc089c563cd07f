// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {IArbiter} from "../IArbiter.sol";
import {IPinpoint} from "./IPinpoint.sol";
import {Schedule} from "./Schedule.sol";
import {Claim, MAX_ACCEPTORS, Party, Seat, Store, Stores} from "./Store.sol";

/// @title Who defends a claim, who challenges it, and what their games come to
/// @dev Every event costs the same, however many challengers there are.
library Seats {
    // ---------------------------------------------------------------- claims

    function open(Store storage s, IArbiter.Accusation calldata a, address accuser) external {
        bytes32 claimId = Stores.claimIdOf(msg.sender, a.entryHash);
        Claim storage c = s.claims[claimId];
        if (c.court == address(0)) create(c, claimId, a);
        if (c.challengerNumber[accuser] != 0 || ruling(c) == IArbiter.Ruling.Refuted) return;
        if (accuser == address(0)) revert IPinpoint.BadAccusation();
        uint16 number = c.challengerCount;
        if (number == type(uint16).max) revert IPinpoint.ClaimFull(claimId);
        c.challengerCount = number + 1;
        c.challengerNumber[accuser] = uint256(number) + 1;
        c.challengers[number] = Party(accuser, uint40(block.number), false, false, 0);
        emit IPinpoint.ChallengerJoined(claimId, accuser, number);
    }

    function create(Claim storage c, bytes32 claimId, IArbiter.Accusation calldata a) private {
        // Clocks, which grow to three periods, must fit.
        bool period = a.responsePeriod > 0 && a.responsePeriod < 1 << 30;
        if (a.solver == address(0) || a.replicas == 0 || !period) revert IPinpoint.BadAccusation();
        c.court = msg.sender;
        c.responsePeriod = a.responsePeriod;
        c.replicas = a.replicas;
        c.factsHash = a.factsHash;
        emit IPinpoint.ClaimOpened(
            msg.sender, a.entryHash, claimId, a.jobId, a.factsHash, a.solver, a.replicas, a.responsePeriod
        );
        take(c, claimId, a.solver);
        for (uint256 i = 0; i < a.acceptors.length; i++) {
            accept(c, claimId, a.acceptors[i]);
        }
    }

    function extend(Store storage s, bytes32 entryHash, address acceptor) external {
        bytes32 claimId = Stores.claimIdOf(msg.sender, entryHash);
        Claim storage c = s.claims[claimId];
        if (c.court == address(0)) revert IPinpoint.NoClaim(entryHash);
        if (ruling(c) == IArbiter.Ruling.Refuted) revert IPinpoint.CannotDefend(c.defendUntil);
        accept(c, claimId, acceptor);
        // Who accepts after a seat was lost has as much time as the others had.
        if (c.defendUntil != 0) c.defendUntil = uint48(block.number) + c.responsePeriod;
    }

    function accept(Claim storage c, bytes32 claimId, address acceptor) private {
        if (c.acceptorNumber[acceptor] != 0) return;
        uint16 number = c.acceptorCount;
        if (number >= MAX_ACCEPTORS) revert IPinpoint.ClaimFull(claimId);
        c.acceptorCount = number + 1;
        c.acceptorNumber[acceptor] = uint256(number) + 1;
        c.acceptors[number].account = acceptor;
        emit IPinpoint.AcceptorAdded(claimId, acceptor);
    }

    // ----------------------------------------------------------------- seats

    function defend(Store storage s, address court, bytes32 entryHash) external {
        bytes32 claimId = Stores.claimIdOf(court, entryHash);
        Claim storage c = s.claims[claimId];
        uint256 number = c.acceptorNumber[msg.sender];
        bool late = block.number > c.defendUntil || ruling(c) != IArbiter.Ruling.Pending;
        if (number == 0 || late || c.acceptors[number - 1].done) revert IPinpoint.CannotDefend(c.defendUntil);
        c.acceptors[number - 1].done = true;
        take(c, claimId, msg.sender);
    }

    function take(Claim storage c, bytes32 claimId, address account) private {
        uint16 number = c.seatCount++;
        c.seats[number] = Seat(account, uint40(block.number), 0, false);
        emit IPinpoint.SeatTaken(claimId, account, number);
    }

    /// @dev A decided game puts the loser out, of all its other games, too.
    function settle(Store storage s, bytes32 gameId, IPinpoint.Side winner) internal {
        Claim storage c = Stores.claimOf(s, gameId);
        if (winner == IPinpoint.Side.Asserter) {
            Stores.challengerOf(s, gameId).done = true;
            c.challengersLost++;
            return;
        }
        Seat storage seat = Stores.seatOf(s, gameId);
        seat.lost = true;
        c.seatsLost++;
        if (c.defendUntil == 0) c.defendUntil = uint48(block.number) + c.responsePeriod;
        emit IPinpoint.SeatLost(Stores.claimIdIn(gameId), seat.account, uint16(uint256(gameId) >> 16), c.defendUntil);
    }

    /// @dev A challenger has lost over sum `index` under `lanesRoot`, which others have computed.
    function pass(Store storage s, bytes32 gameId, uint256 index) internal {
        (, uint256 holder) = Schedule.holderOf(index, Stores.claimOf(s, gameId).replicas);
        Party storage challenger = Stores.challengerOf(s, gameId);
        (challenger.passed, challenger.replica) = (true, uint16(holder));
        emit IPinpoint.Passed(gameId, challenger.account, uint16(holder));
    }

    function passedTo(Claim storage c, address account) internal view returns (bool, uint16) {
        uint256 number = c.challengerNumber[account];
        if (number == 0) return (false, 0);
        Party storage challenger = c.challengers[number - 1];
        return (challenger.passed, challenger.replica);
    }

    // ---------------------------------------------------------------- ruling

    function ruling(Claim storage c) internal view returns (IArbiter.Ruling) {
        if (c.seatsLost < c.seatCount) {
            return c.challengersLost < c.challengerCount ? IArbiter.Ruling.Pending : IArbiter.Ruling.Upheld;
        }
        // Every seat but the first is an acceptor's.
        bool mayDefend = c.acceptorCount >= c.seatCount && block.number <= c.defendUntil;
        return mayDefend || c.seatCount == 0 ? IArbiter.Ruling.Pending : IArbiter.Ruling.Refuted;
    }

    function lost(Claim storage c, address account) internal view returns (bool) {
        uint256 number = c.challengerNumber[account];
        if (number != 0 && c.challengers[number - 1].done) return true;
        for (uint256 i = 0; i < c.seatCount; i++) {
            if (c.seats[i].lost && c.seats[i].account == account) return true;
        }
        return false;
    }

    function describe(Claim storage c) internal view returns (IPinpoint.ClaimView memory v) {
        (v.court, v.responsePeriod, v.replicas, v.items) = (c.court, c.responsePeriod, c.replicas, c.items);
        (v.defendUntil, v.factsHash) = (c.defendUntil, c.factsHash);
        v.seats = new IPinpoint.PartyView[](c.seatCount);
        for (uint256 i = 0; i < v.seats.length; i++) {
            v.seats[i] = IPinpoint.PartyView(c.seats[i].account, c.seats[i].lost);
        }
        v.challengers = parties(c.challengers, c.challengerCount);
        v.acceptors = parties(c.acceptors, c.acceptorCount);
    }

    function parties(mapping(uint256 number => Party) storage all, uint256 count)
        private
        view
        returns (IPinpoint.PartyView[] memory v)
    {
        v = new IPinpoint.PartyView[](count);
        for (uint256 i = 0; i < count; i++) {
            v[i] = IPinpoint.PartyView(all[i].account, all[i].done);
        }
    }
}
